import type { Digest } from '../format/head.ts'

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

/** What the updater knows after a restart; it points at the list that serves. */
export interface UpdateState {
  format: 1
  /** Grows whenever the keys that sign heads are replaced; heads of an earlier one count no more. */
  epoch: number
  /** Of the newest head seen in this epoch. */
  sequence: number
  /** Both of the newest head seen, seconds since 1970; 0: none. */
  issuedAt: number
  expires: number
  allow: readonly string[]
  current: ListFile | null
  /** Kept until `current` has proved itself. */
  previous: ListFile | null
  /** `current` is in its probation and has served so long, seconds. */
  probation: { served: number; starts: number } | null
  /** Versions that are not tried again. */
  failed: readonly number[]
  /** The list was found damaged or lost, and none has served since. */
  damaged: boolean
}

export const freshState: UpdateState = {
  format: 1,
  epoch: 0,
  sequence: 0,
  issuedAt: 0,
  expires: 0,
  allow: [],
  current: null,
  previous: null,
  probation: null,
  failed: [],
  damaged: false,
}

/** A list on probation under which the process dies so often is taken for the cause. */
export const maxCrashedStarts = 5
const mostFailed = 64

/** @returns the failed versions with one more; the oldest are forgotten, for versions only go up */
export function withFailed(failed: readonly number[], version: number): number[] {
  return [...new Set([...failed, version])].sort((a, b) => a - b).slice(-mostFailed)
}

const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0
const isText = (value: unknown) => typeof value === 'string'
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null

function isListFile(value: unknown): boolean {
  if (!isObject(value)) return value === null
  const { version, names, epoch = 0, key, file, digest, result } = value
  return [version, names, epoch].every(isCount) && [key, file, digest, result].every(isText)
}

/** @throws Error if the data is not a state of format 1 */
export function parseUpdateState(data: unknown): UpdateState {
  if (!isObject(data) || data['format'] !== 1) throw new Error('it is no state of format 1')
  const state = { ...freshState, ...data } as UpdateState
  const { epoch, sequence, issuedAt, expires, allow, current, previous, probation, failed, damaged } = state
  const isWhole =
    [epoch, sequence, issuedAt, expires].every(isCount) &&
    [current, previous].every(isListFile) &&
    (probation === null || [probation.served, probation.starts].every(isCount)) &&
    Array.isArray(allow) &&
    allow.every(isText) &&
    Array.isArray(failed) &&
    failed.every(isCount) &&
    typeof damaged === 'boolean'
  if (!isWhole) throw new Error('a member of the state is not what it should be')
  return state
}
