import { closeSync, openSync, readSync } from 'node:fs'

const PT_INTERP = 3

function read(file, position, length) {
  const bytes = Buffer.alloc(length)
  return bytes.subarray(0, readSync(file, bytes, 0, length, position))
}

/** Where the program headers are (ELF-64 and ELF-32, little endian: System V gABI, chapter 4). */
function programHeaders(header) {
  const is64 = header[4] === 2
  return is64
    ? {
        is64,
        at: Number(header.readBigUInt64LE(32)),
        size: header.readUInt16LE(54),
        count: header.readUInt16LE(56),
      }
    : { is64, at: header.readUInt32LE(28), size: header.readUInt16LE(42), count: header.readUInt16LE(44) }
}

function interpreter(file, header) {
  const { is64, at, size, count } = programHeaders(header)
  for (let i = 0; i < count; i++) {
    const entry = read(file, at + i * size, size)
    if (entry.readUInt32LE(0) !== PT_INTERP) continue
    const offset = is64 ? Number(entry.readBigUInt64LE(8)) : entry.readUInt32LE(4)
    const length = is64 ? Number(entry.readBigUInt64LE(32)) : entry.readUInt32LE(16)
    return read(file, offset, Math.min(length, 256)).toString('latin1').replace(/\0.*$/, '')
  }
  return ''
}

/**
 * @param {string} path a program
 * @returns {{machine: number, libc: 'musl' | 'glibc' | 'static'}} for which machine and C library it was built
 * @throws where it is no little-endian ELF program
 */
export function programKind(path) {
  const file = openSync(path, 'r')
  try {
    const header = read(file, 0, 64)
    if (header.length < 52 || header.toString('latin1', 0, 4) !== '\x7fELF' || header[5] !== 1)
      throw new Error(`${path} is no ELF program for a little-endian machine`)
    const loader = interpreter(file, header)
    const libc = loader === '' ? 'static' : loader.includes('ld-musl') ? 'musl' : 'glibc'
    return { machine: header.readUInt16LE(18), libc }
  } finally {
    closeSync(file)
  }
}
