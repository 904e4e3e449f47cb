// What packages are made for. `opkg` is the architecture that OpenWrt's package manager compares; a feed of another
// CPU's name is made with --architecture (24.10: `opkg print-architecture` on the modem tells).

/** @typedef {{name: string, npm: string, prebuilt: string, libc: 'musl' | 'glibc', node: string, machine: number, opkg: string, strip: string[]}} Target */

/** @type {readonly Target[]} */
export const targets = [
  {
    name: 'aarch64-musl',
    npm: '@lmdb/lmdb-linux-arm64',
    prebuilt: 'node.napi.musl.node',
    libc: 'musl',
    node: 'linux-arm64',
    machine: 183,
    opkg: 'aarch64_generic',
    strip: ['aarch64-linux-gnu-strip', 'llvm-strip'],
  },
  {
    name: 'aarch64-glibc',
    npm: '@lmdb/lmdb-linux-arm64',
    prebuilt: 'node.napi.glibc.node',
    libc: 'glibc',
    node: 'linux-arm64',
    machine: 183,
    opkg: 'aarch64_generic',
    strip: ['aarch64-linux-gnu-strip', 'llvm-strip'],
  },
  {
    name: 'x86_64-musl',
    npm: '@lmdb/lmdb-linux-x64',
    prebuilt: 'node.napi.musl.node',
    libc: 'musl',
    node: 'linux-x64',
    machine: 62,
    opkg: 'x86_64',
    strip: ['x86_64-linux-gnu-strip', 'llvm-strip'],
  },
  {
    name: 'x86_64-glibc',
    npm: '@lmdb/lmdb-linux-x64',
    prebuilt: 'node.napi.glibc.node',
    libc: 'glibc',
    node: 'linux-x64',
    machine: 62,
    opkg: 'x86_64',
    strip: ['x86_64-linux-gnu-strip', 'llvm-strip'],
  },
  {
    name: 'armv7-glibc',
    npm: '@lmdb/lmdb-linux-arm',
    prebuilt: 'node.napi.glibc.node',
    libc: 'glibc',
    node: 'linux-arm',
    machine: 40,
    opkg: 'arm_cortex-a7_neon-vfpv4',
    strip: ['arm-linux-gnueabihf-strip', 'llvm-strip'],
  },
]
