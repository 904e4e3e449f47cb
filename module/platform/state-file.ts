import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { type FileHandle, mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { codeOf, messageOf, SecureNetError } from '../base/error.ts'
import { SerialQueue } from '../base/serial-queue.ts'

/** What of node:fs/promises is used; a test injects faults here. */
export interface StateFs {
  mkdir(path: string, options: { recursive: true; mode: number }): Promise<unknown>
  open(path: string, flags: string, mode?: number): Promise<Pick<FileHandle, 'writeFile' | 'sync' | 'close'>>
  readFile(path: string): Promise<Buffer>
  readFileSync(path: string): Buffer
  rename(from: string, to: string): Promise<void>
  rm(path: string, options: { force: true }): Promise<void>
}
const nodeFs: StateFs = { mkdir, open, readFile, readFileSync, rename, rm }

export interface StateFileOptions<T> {
  folder: string
  name: string
  /** Turns parsed JSON into the value, or throws: a file whose checksum is right may still be of another version. */
  parse: (data: unknown) => T
  /** @default 4 MiB; a larger file is damaged */
  maxBytes?: number
  /** false: there is no `<name>.bak`; for who keeps copies of the same value instead. @default true */
  keepPrevious?: boolean
  fs?: StateFs
}

export interface StateRead<T> {
  value: T | undefined
  /** `previous`: the current generation was lost or damaged and the one before it was read. */
  from: 'current' | 'previous' | 'none'
}

type Found<T> = { value: T } | { damage?: string }

const header = /^securenet-state 1 ([0-9a-f]{64})$/

function digestOf(body: string): string {
  return createHash('sha256').update(body).digest('hex')
}

function decode(bytes: Buffer): unknown {
  const text = bytes.toString('utf8')
  const end = text.indexOf('\n')
  const sum = header.exec(text.slice(0, Math.max(end, 0)))?.[1]
  const body = text.slice(end + 1)
  if (sum === undefined || sum !== digestOf(body)) throw new Error('the checksum does not match')
  return JSON.parse(body)
}

/**
 * One small value in one file: written aside, flushed and renamed, so that a power cut at any moment leaves the old value
 * or the new one; the generation before is kept as `<name>.bak`. Writes are made one after the other.
 */
export class StateFile<T> {
  readonly path: string
  readonly #options: StateFileOptions<T>
  readonly #fs: StateFs
  readonly #writes = new SerialQueue()

  constructor(options: StateFileOptions<T>) {
    this.#options = options
    this.#fs = options.fs ?? nodeFs
    this.path = join(options.folder, options.name)
  }

  /**
   * @throws SecureNetError STATE_DAMAGED if files are there and none can be used; STATE_NOT_READ if the system refuses
   */
  async read(): Promise<StateRead<T>> {
    const current = await this.#readOne(this.path)
    if ('value' in current) return { value: current.value, from: 'current' }
    return this.#fallBack(current, this.#keepsPrevious ? await this.#readOne(this.#backup) : {})
  }

  /** As read(), for who is started in one go. @throws as read() */
  readSync(): StateRead<T> {
    const current = this.#readOneSync(this.path)
    if ('value' in current) return { value: current.value, from: 'current' }
    return this.#fallBack(current, this.#keepsPrevious ? this.#readOneSync(this.#backup) : {})
  }

  get #keepsPrevious(): boolean {
    return this.#options.keepPrevious ?? true
  }

  get #backup(): string {
    return `${this.path}.bak`
  }

  #fallBack(current: { damage?: string }, previous: Found<T>): StateRead<T> {
    if ('value' in previous) return { value: previous.value, from: 'previous' }
    const why = current.damage ?? previous.damage
    if (why === undefined) return { value: undefined, from: 'none' }
    throw new SecureNetError(
      'STATE_DAMAGED',
      `${this.path}: ${why}${this.#keepsPrevious ? ', and no earlier generation can be used' : ''}`,
      'The module starts without it and asks the backend again; check the flash if it happens twice.',
    )
  }

  /** Resolves when the value is on flash. @throws SecureNetError STATE_DISK_FULL, STATE_NOT_WRITTEN: the last value stays */
  write(value: T): Promise<void> {
    return this.#writes.run(() => this.#write(value))
  }

  /** Moves damaged files out of the way (kept for diagnosis), so that a fresh value can be written. */
  async setAside(): Promise<void> {
    for (const path of [this.path, this.#backup])
      await this.#fs.rename(path, `${path}.damaged`).catch((error) => {
        if (codeOf(error) !== 'ENOENT') throw this.#failure(error)
      })
  }

  async #readOne(path: string): Promise<Found<T>> {
    try {
      return this.#judge(await this.#fs.readFile(path))
    } catch (error) {
      return this.#unread(path, error)
    }
  }

  #readOneSync(path: string): Found<T> {
    try {
      return this.#judge(this.#fs.readFileSync(path))
    } catch (error) {
      return this.#unread(path, error)
    }
  }

  #unread(path: string, error: unknown): { damage?: string } {
    if (codeOf(error) === 'ENOENT') return {}
    // Flash that can't read a sector says EIO: that generation is as good as damaged.
    if (codeOf(error) === 'EIO') return { damage: 'the flash cannot be read' }
    throw new SecureNetError(
      'STATE_NOT_READ',
      `${path}: ${messageOf(error)}`,
      'Check the rights of the data folder.',
      { cause: error },
    )
  }

  #judge(bytes: Buffer): Found<T> {
    if (bytes.length > (this.#options.maxBytes ?? 4 * 1024 * 1024)) return { damage: 'it is too large' }
    try {
      return { value: this.#options.parse(decode(bytes)) }
    } catch (error) {
      return { damage: messageOf(error) }
    }
  }

  async #write(value: T): Promise<void> {
    const body = JSON.stringify(value)
    const temporary = `${this.path}.tmp`
    try {
      await this.#fs.mkdir(this.#options.folder, { recursive: true, mode: 0o700 })
      await this.#flushed(temporary, `securenet-state 1 ${digestOf(body)}\n${body}`)
      await this.#replace(temporary)
      await this.#syncFolder()
    } catch (error) {
      await this.#fs.rm(temporary, { force: true }).catch(() => undefined)
      throw this.#failure(error)
    }
  }

  async #flushed(path: string, text: string): Promise<void> {
    const file = await this.#fs.open(path, 'w', 0o600)
    try {
      await file.writeFile(text)
      await file.sync()
    } finally {
      await file.close()
    }
  }

  /** Between the two renames only the previous generation exists: read() falls back to it. */
  async #replace(temporary: string): Promise<void> {
    const kept = await this.#keepPrevious()
    try {
      await this.#fs.rename(temporary, this.path)
    } catch (error) {
      if (kept) await this.#fs.rename(this.#backup, this.path).catch(() => undefined)
      throw error
    }
  }

  /** A damaged current generation must not push a good previous one out. */
  async #keepPrevious(): Promise<boolean> {
    if (!this.#keepsPrevious) return false
    if (!('value' in (await this.#readOne(this.path)))) return false
    await this.#fs.rename(this.path, this.#backup)
    return true
  }

  /** Without this the rename itself may be lost in a power cut (fsync(2), NOTES). */
  async #syncFolder(): Promise<void> {
    const folder = await this.#fs.open(this.#options.folder, 'r')
    try {
      await folder.sync()
    } finally {
      await folder.close()
    }
  }

  #failure(error: unknown): SecureNetError {
    const full = ['ENOSPC', 'EDQUOT'].includes(codeOf(error))
    return new SecureNetError(
      full ? 'STATE_DISK_FULL' : 'STATE_NOT_WRITTEN',
      `${this.path}: ${messageOf(error)}`,
      full ? 'Free room on the data partition.' : 'Check that the data folder is writable.',
      { cause: error },
    )
  }
}
