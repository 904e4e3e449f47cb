// What a program does to a folder, as strace saw it, and what a power cut could have left of it.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { testLimitMs } from '../../helpers/limits.ts'

interface Inode {
  /** On the medium whatever happens. */
  durable: Buffer
  pending: { at: number; bytes: Buffer }[]
}
export type DiskOperation =
  | { act: 'create'; name: string; inode: number }
  | { act: 'write'; inode: number; at: number; bytes: Buffer; durable: boolean }
  | { act: 'truncate'; inode: number; size: number }
  | { act: 'sync'; inode: number }
  | { act: 'sync-folder' }
  | { act: 'rename'; from: string; to: string; inode: number }
  | { act: 'unlink'; name: string }

export interface DiskRecord {
  /** The folder's files before. */
  before: Map<string, Buffer>
  operations: DiskOperation[]
  output: string
}

const calls =
  'open,openat,creat,close,lseek,write,pwrite64,writev,pwritev,ftruncate,truncate,fallocate,fsync,fdatasync,sync_file_range,rename,renameat,renameat2,unlink,unlinkat,mkdir,symlink,link'

export function hasStrace(): boolean {
  return spawnSync('strace', ['-o', '/dev/null', 'true']).status === 0
}

/** LMDB's lock files live on a tmpfs and are gone with the power. */
const lasting = (name: string) => !name.endsWith('-lock')

function readFolder(folder: string): Map<string, Buffer> {
  return new Map(
    readdirSync(folder)
      .filter(lasting)
      .map((name) => [name, readFileSync(join(folder, name))]),
  )
}

/** Runs a program under strace and keeps what it does to the files of a folder. */
export function recordWrites(folder: string, command: string, args: readonly string[]): DiskRecord {
  const traces = mkdtempSync(join(tmpdir(), 'securenet-strace-'))
  try {
    const before = readFolder(folder)
    const options = ['-ff', '-qq', '-ttt', '-xx', '-s', '4000000', '-e', `trace=${calls}`]
    const { status, stdout, stderr } = spawnSync(
      'strace',
      [...options, '-o', join(traces, 't'), command, ...args],
      { encoding: 'utf8', env: { ...process.env, UV_USE_IO_URING: '0' }, timeout: testLimitMs },
    )
    if (status !== 0) throw new Error(`the recorded program failed: ${stderr}`)
    const lines = readdirSync(traces).flatMap((name) =>
      readFileSync(join(traces, name), 'latin1').split('\n'),
    )
    const sorted = lines
      .filter((line) => /^\d+\.\d+ \w+\(/.test(line))
      .sort((a, b) => (a.slice(0, 17) < b.slice(0, 17) ? -1 : 1))
    return { before, operations: new Reading(folder, [...before.keys()]).read(sorted), output: stdout }
  } finally {
    rmSync(traces, { recursive: true })
  }
}

const unescaped = (hex: string) => Buffer.from(hex.replaceAll('\\x', ''), 'hex')
const texts = (line: string) =>
  [...line.matchAll(/"((?:\\x[0-9a-f]{2})*)"/g)].map(([, hex]) => unescaped(hex as string))

/** Follows the descriptors of one process through the lines of its calls. */
class Reading {
  readonly #folder: string
  readonly #names = new Map<string, number>()
  readonly #open = new Map<number, { inode: number; dsync: boolean; at: number } | 'folder'>()
  readonly #operations: DiskOperation[] = []
  #inodes = 0

  constructor(folder: string, names: readonly string[]) {
    this.#folder = folder
    for (const name of names) this.#names.set(name, this.#inodes++)
  }

  read(lines: readonly string[]): DiskOperation[] {
    for (const line of lines) {
      const [, call, rest, result] = /^[\d.]+ (\w+)\(([\s\S]*)\)\s+= (-?\d+)/.exec(line) ?? []
      if (call === undefined || Number(result) < 0) continue
      this.#call(call, rest as string, Number(result))
    }
    return this.#operations
  }

  /** @returns the name within the folder, '' for the folder itself, or undefined */
  #name(path: Buffer | undefined): string | undefined {
    const text = path?.toString() ?? ''
    if (text === this.#folder) return ''
    if (!text.startsWith(`${this.#folder}/`) || !lasting(text)) return undefined
    return basename(text)
  }

  /** LMDB opens a list through a link beside its lock file; the link itself is on the tmpfs. */
  #linked(path: Buffer | undefined): string | undefined {
    const text = path?.toString() ?? ''
    return text.startsWith(`${this.#folder}.locks/`) && text.endsWith('.mdb') ? basename(text) : undefined
  }

  #call(call: string, rest: string, result: number): void {
    const fd = Number(/^\d+/.exec(rest)?.[0])
    if (/^(open|openat|creat)$/.test(call)) this.#opened(rest, result)
    else if (call === 'close') this.#open.delete(fd)
    else if (/^(write|writev|pwrite64|pwritev)$/.test(call)) this.#written(call, fd, rest)
    else if (/^(rename|unlink)/.test(call)) this.#moved(call, texts(rest))
    else this.#other(call, fd, rest, result)
  }

  #other(call: string, fd: number, rest: string, result: number): void {
    const file = this.#open.get(fd)
    if (file === undefined) return
    if (call === 'lseek') {
      if (file !== 'folder') file.at = result
    } else if (call === 'fsync' || call === 'fdatasync')
      this.#operations.push(file === 'folder' ? { act: 'sync-folder' } : { act: 'sync', inode: file.inode })
    else if (call === 'ftruncate' && file !== 'folder')
      this.#operations.push({ act: 'truncate', inode: file.inode, size: Number(/, (\d+)$/.exec(rest)?.[1]) })
    else throw new Error(`a call that the recorder does not know: ${call}(${rest.slice(0, 100)}`)
  }

  #opened(rest: string, fd: number): void {
    const path = texts(rest)[0]
    const name = this.#name(path) ?? this.#linked(path)
    this.#open.delete(fd)
    if (name === undefined) return
    if (name === '') {
      this.#open.set(fd, 'folder')
      return
    }
    let inode = this.#names.get(name)
    if (inode === undefined) {
      inode = this.#inodes++
      this.#names.set(name, inode)
      this.#operations.push({ act: 'create', name, inode })
    } else if (rest.includes('O_TRUNC')) this.#operations.push({ act: 'truncate', inode, size: 0 })
    this.#open.set(fd, { inode, dsync: /O_D?SYNC/.test(rest), at: 0 })
  }

  #written(call: string, fd: number, rest: string): void {
    const file = this.#open.get(fd)
    if (file === undefined || file === 'folder') return
    const bytes = Buffer.concat(texts(rest))
    const positioned = call.startsWith('p')
    const at = positioned ? Number(/, (\d+)$/.exec(rest)?.[1]) : file.at
    if (!positioned) file.at += bytes.length
    this.#operations.push({ act: 'write', inode: file.inode, at, bytes, durable: file.dsync })
  }

  #moved(call: string, paths: readonly Buffer[]): void {
    const [from, to] = paths.map((path) => this.#name(path))
    if (from === undefined) return
    if (call.startsWith('unlink')) {
      this.#names.delete(from)
      this.#operations.push({ act: 'unlink', name: from })
    } else if (to !== undefined) {
      const inode = this.#names.get(from) as number
      this.#names.set(to, inode)
      this.#names.delete(from)
      this.#operations.push({ act: 'rename', from, to, inode })
    }
  }
}

/**
 * What of the operations that nothing had yet forced onto the medium got there all the same. `random`: some writes, and
 * names up to some moment, as a journal keeps them; `shuffled`: names in no order either, which POSIX allows; `latest`: of
 * the names the last one alone, the worst of those orders.
 */
export type Survival = 'all' | 'none' | 'torn' | 'random' | 'shuffled' | 'latest'

/** The folder's files as a power cut before operation `cut` may leave them. @param random 0 <= x < 1 */
export function afterPowerCut(
  { before, operations }: DiskRecord,
  { cut, survival, random }: { cut: number; survival: Survival; random: () => number },
): Map<string, Buffer> {
  const disk = new Disk(before)
  for (const operation of operations.slice(0, cut)) disk.apply(operation)
  const next = operations[cut]
  if (survival === 'torn' && next?.act === 'write')
    disk.apply({ ...next, durable: false, bytes: next.bytes.subarray(0, next.bytes.length >> 1) })
  return disk.after(survival, random)
}

type NameOperation = Extract<DiskOperation, { act: 'create' | 'rename' | 'unlink' }>

class Disk {
  readonly #inodes: Inode[] = []
  readonly #names = new Map<string, number>()
  readonly #log: NameOperation[] = []
  #durableLog = 0

  constructor(before: ReadonlyMap<string, Buffer>) {
    for (const [name, bytes] of before) {
      this.#names.set(name, this.#inodes.length)
      this.#inodes.push({ durable: bytes, pending: [] })
    }
  }

  apply(operation: DiskOperation): void {
    switch (operation.act) {
      case 'create':
        this.#inodes[operation.inode] = { durable: Buffer.alloc(0), pending: [] }
        this.#log.push(operation)
        break
      case 'rename':
      case 'unlink':
        this.#log.push(operation)
        break
      case 'sync-folder':
        this.#durableLog = this.#log.length
        break
      case 'write': {
        const inode = this.#inodes[operation.inode] as Inode
        if (operation.durable) inode.durable = overlaid(inode.durable, operation)
        else inode.pending.push(operation)
        break
      }
      case 'truncate': {
        const inode = this.#inodes[operation.inode] as Inode
        // A file system may keep either; the shorter one is the harder case.
        inode.durable = inode.durable.subarray(0, operation.size)
        inode.pending = []
        break
      }
      case 'sync': {
        const inode = this.#inodes[operation.inode] as Inode
        for (const write of inode.pending.splice(0)) inode.durable = overlaid(inode.durable, write)
      }
    }
  }

  after(survival: Survival, random: () => number): Map<string, Buffer> {
    const names = new Map(this.#names)
    const unsure = this.#log.slice(this.#durableLog)
    for (const operation of [
      ...this.#log.slice(0, this.#durableLog),
      ...namesThatLast(unsure, survival, random),
    ]) {
      if (operation.act === 'create') names.set(operation.name, operation.inode)
      if (operation.act === 'unlink') names.delete(operation.name)
      if (operation.act === 'rename') {
        names.set(operation.to, operation.inode)
        names.delete(operation.from)
      }
    }
    const files = new Map<string, Buffer>()
    for (const [name, number] of names) {
      const { durable, pending } = this.#inodes[number] as Inode
      const chance = survival === 'random' || survival === 'shuffled'
      const kept = pending.filter(() => survival !== 'none' && (!chance || random() < 0.5))
      files.set(name, kept.reduce(overlaid, durable))
    }
    return files
  }
}

function namesThatLast(
  unsure: readonly NameOperation[],
  survival: Survival,
  random: () => number,
): readonly NameOperation[] {
  if (survival === 'none') return []
  if (survival === 'latest') return unsure.slice(-1)
  if (survival === 'random') return unsure.slice(0, Math.floor(random() * (unsure.length + 1)))
  return survival === 'shuffled' ? unsure.filter(() => random() < 0.5) : unsure
}

function overlaid(file: Buffer, { at, bytes }: { at: number; bytes: Buffer }): Buffer {
  const result = Buffer.alloc(Math.max(file.length, at + bytes.length))
  file.copy(result)
  bytes.copy(result, at)
  return result
}
