import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { open, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { codeOf, messageOf, SecureNetError } from '../error.ts'
import type { Digest } from './head.ts'

/** A finished file of the list. */
export interface ListFile {
  version: number
  key: string
  names: number
  /** Name within the folder. */
  file: string
  /** SHA-256 of the file. */
  digest: Digest
  result: Digest
  /** Of the head that brought it; left out: 0. */
  epoch?: number
}

/** What the updater knows after a restart: `state.json`, the pointer to the list that serves. */
export interface UpdateState {
  format: 1
  /** Grows whenever the keys that sign heads are replaced; heads of an earlier one count no more. */
  epoch: number
  /** Of the newest head seen in this epoch. */
  sequence: number
  /** Of the newest head seen, seconds since 1970; 0: none. */
  expires: number
  allow: readonly string[]
  current: ListFile | null
  /** Kept until `current` has proved itself. */
  previous: ListFile | null
  /** `current` is in its probation and has served so long, seconds. */
  probation: { served: number; starts: number } | null
  /** Versions that are not tried again. */
  failed: readonly number[]
}

export const freshState: UpdateState = {
  format: 1,
  epoch: 0,
  sequence: 0,
  expires: 0,
  allow: [],
  current: null,
  previous: null,
  probation: null,
  failed: [],
}

/** A list on probation under which the process dies so often is taken for the cause. */
export const startsTolerated = 5
const mostFailed = 64

/** @returns the failed versions with one more; the oldest are forgotten, for versions only go up */
export function withFailed(failed: readonly number[], version: number): number[] {
  return [...new Set([...failed, version])].sort((a, b) => a - b).slice(-mostFailed)
}

const sha256 = (text: string) => createHash('sha256').update(text).digest('base64url')

/**
 * @returns the state, or null where none was ever written
 * @throws SecureNetError LIST_DAMAGED where it is not what was written
 */
export function readState(path: string): UpdateState | null {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null
    throw damaged(path, error)
  }
  try {
    const [digest, body = ''] = text.split('\n', 2)
    if (digest !== sha256(body)) throw new Error('its digest is wrong')
    const state = JSON.parse(body) as UpdateState
    if (state.format !== 1) throw new Error('it has another format')
    return { ...freshState, ...state }
  } catch (error) {
    throw damaged(path, error)
  }
}

function damaged(path: string, cause: unknown): SecureNetError {
  return new SecureNetError('LIST_DAMAGED', `${path} cannot be used`, 'The list is fetched again.', { cause })
}

/**
 * Names created, renamed or removed in a folder are lasting only after this.
 * @throws SecureNetError LIST_DISK_FULL, LIST_STORE_IO
 */
export async function flushFolder(path: string): Promise<void> {
  try {
    const folder = await open(path, 'r')
    try {
      await folder.sync()
    } finally {
      await folder.close()
    }
  } catch (error) {
    throw mediumError(path, error)
  }
}

function mediumError(path: string, cause: unknown): SecureNetError {
  if (cause instanceof SecureNetError) return cause
  const full = /^(ENOSPC|EDQUOT)$/.test(codeOf(cause))
  return new SecureNetError(
    full ? 'LIST_DISK_FULL' : 'LIST_STORE_IO',
    `${path} cannot be written: ${messageOf(cause)}`,
    full ? 'Free space in the data directory.' : 'Check the medium.',
    { cause },
  )
}

/**
 * Replaces the state in one step: after a power cut there is the old one or the new one.
 * @throws SecureNetError LIST_DISK_FULL, LIST_STORE_IO
 */
export async function writeState(path: string, state: UpdateState): Promise<void> {
  const body = JSON.stringify(state)
  try {
    const file = await open(`${path}.tmp`, 'w', 0o600)
    try {
      await file.writeFile(`${sha256(body)}\n${body}`)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(`${path}.tmp`, path)
    await flushFolder(dirname(path))
  } catch (error) {
    throw mediumError(path, error)
  }
}

/** The state in memory, never ahead of the one on the medium; writes go in the order of the calls. */
export class StateKeeper {
  readonly #path: string
  #state: UpdateState = freshState
  #writing: Promise<unknown> = Promise.resolve()

  constructor(path: string) {
    this.#path = path
  }

  get value(): UpdateState {
    return this.#state
  }

  /** @throws SecureNetError LIST_DAMAGED; the state is then a fresh one */
  load(): void {
    this.#state = freshState
    this.#state = readState(this.#path) ?? freshState
  }

  /** In memory alone: where the medium failed. */
  assume(state: UpdateState): void {
    this.#state = state
  }

  /** @throws SecureNetError LIST_DISK_FULL, LIST_STORE_IO; the state is then what it was */
  save(patch: Partial<UpdateState>): Promise<void> {
    const written = this.settled().then(async () => {
      const next = { ...this.#state, ...patch }
      await writeState(this.#path, next)
      this.#state = next
    })
    this.#writing = written
    return written
  }

  /** In memory at once, on the medium unless it is there already. @throws SecureNetError LIST_DISK_FULL, LIST_STORE_IO */
  replace(state: UpdateState): Promise<void> {
    const isSame = JSON.stringify(state) === JSON.stringify(this.#state)
    this.#state = state
    return isSame ? this.settled() : this.save({})
  }

  async settled(): Promise<void> {
    await this.#writing.catch(() => undefined)
  }
}
