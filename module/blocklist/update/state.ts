import type { Digest, Head } from '../format/head.ts'

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
  /** The newest head as it was signed (JWS); what is written above of it counts where this still verifies. */
  document: string
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
  document: '',
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
  const { epoch, sequence, issuedAt, expires, allow, document } = state
  const { current, previous, probation, failed, damaged } = state
  const isWhole =
    [epoch, sequence, issuedAt, expires].every(isCount) &&
    [current, previous].every(isListFile) &&
    (probation === null || [probation.served, probation.starts].every(isCount)) &&
    Array.isArray(allow) &&
    allow.every(isText) &&
    isText(document) &&
    Array.isArray(failed) &&
    failed.every(isCount) &&
    typeof damaged === 'boolean'
  if (!isWhole) throw new Error('a member of the state is not what it should be')
  return state
}

/** A head whose signatures count, and under which keys. */
export interface SignedHead {
  readonly head: Head
  /** control/documents/verify.ts */
  readonly epoch: number
  /** As it was signed. */
  readonly document: string
}

type OfHead = Pick<UpdateState, 'epoch' | 'sequence' | 'issuedAt' | 'expires' | 'allow' | 'document'>
const noHead: OfHead = { epoch: 0, sequence: 0, issuedAt: 0, expires: 0, allow: [], document: '' }

/** What a state keeps of the newest head. */
export function ofHead({ head, epoch, document }: SignedHead): OfHead {
  const { sequence, issuedAt, expires, allow } = head
  return { epoch, sequence, issuedAt, expires, allow, document }
}

/**
 * What a state says of the newest head, as far as the head itself bears it out: else whoever could once write the file would
 * except every name, or refuse every later head, for good. The list goes on serving.
 * @param kept null: none, or none that verifies
 */
export function borneOut(state: UpdateState, kept: SignedHead | null): UpdateState {
  const { head, epoch } = kept ?? {}
  const newest = Math.max(0, head?.stable.version ?? 0, head?.candidate?.release.version ?? 0)
  const isNamed = (file: ListFile) => file.version <= newest && (file.epoch ?? 0) <= (epoch ?? 0)
  const { current } = state
  return {
    ...state,
    ...(kept ? ofHead(kept) : noHead),
    // Of keys before all others: any head may take its place.
    current: current && !isNamed(current) ? { ...current, epoch: 0 } : current,
    failed: state.failed.filter((version) => version <= newest),
  }
}
