// Compiles module/platform/batch for a CPU: no C library, so that one file serves musl and glibc (docs/adr/0013-datagram-batches.md).
import { spawnSync } from 'node:child_process'
import { chmodSync, renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** Bytes; more fails the build. */
const MAX_BYTES = 10_000

/** The add-on's name beside the bundle. */
export const BATCH_FILE = 'batch.node'

/** Debian's compilers, by the CPU as Node names it: gcc-x86-64-linux-gnu, gcc-aarch64-linux-gnu, gcc-arm-linux-gnueabihf. */
const compilers = {
  x64: ['x86_64-linux-gnu-gcc'],
  arm64: ['aarch64-linux-gnu-gcc'],
  arm: ['arm-linux-gnueabihf-gcc'],
}

const sources = ['batch.c', 'addon.c']

const flags = [
  ...['-std=c11', '-O2', '-Wall', '-Wextra', '-Wpedantic', '-Werror'],
  ...['-ffreestanding', '-fPIC', '-fvisibility=hidden', '-fomit-frame-pointer', '-fno-stack-protector'],
  ...['-fno-asynchronous-unwind-tables', '-fno-unwind-tables', '-fno-ident', '-fno-lto'],
  ...['-shared', '-nostdlib', '-s', '-Wl,--build-id=none', '-Wl,-z,noexecstack', '-Wl,-z,now'],
  // RELRO and code of its own page would pad the file to 64 KB, aarch64's largest page.
  ...['-Wl,-z,norelro', '-Wl,-z,noseparate-code', '-Wl,--hash-style=gnu'],
]

/** The least CPU that a modem has. */
const cpuFlags = { x64: [], arm64: [], arm: ['-march=armv7-a+fp'] }

/** @returns {string[]} commands that compile for that CPU, the best first */
function compilersFor(cpu) {
  return [...compilers[cpu], ...(cpu === process.arch ? ['gcc', 'cc'] : [])]
}

/**
 * @param {string} cpu as Node names it
 * @returns {string | null} why it cannot be made here
 */
export function whyNotCompiled(cpu) {
  if (!Object.hasOwn(compilers, cpu)) return `no way to call ${cpu}'s kernel is known`
  return compilersFor(cpu).some(runs) ? null : `none of ${compilersFor(cpu).join(', ')} here`
}

const runs = (command) => spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0

/**
 * @param {string} cpu as Node names it
 * @param {string} file to be written
 * @param {{root: string}} options
 * @returns {string | null} why it was not made
 * @throws where it does not compile, or is too large
 */
export function compileBatch(cpu, file, { root }) {
  const why = whyNotCompiled(cpu)
  if (why !== null) return why
  const compiler = compilersFor(cpu).find(runs)
  const fresh = `${file}.${process.pid}`
  const { status, stderr } = spawnSync(compiler, [...flags, ...cpuFlags[cpu], '-o', fresh, ...sources], {
    cwd: join(root, 'module', 'platform', 'batch'),
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`${compiler} did not compile the batch add-on: ${stderr}`)
  const { size } = statSync(fresh)
  if (size > MAX_BYTES) {
    rmSync(fresh)
    throw new Error(`the batch add-on for ${cpu} has ${size} bytes, over ${MAX_BYTES}`)
  }
  chmodSync(fresh, 0o644)
  renameSync(fresh, file)
  return null
}
