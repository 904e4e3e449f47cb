import { createHash } from 'node:crypto'
import { SecureNetError } from '../../base/error.ts'
import type { Head, Release } from '../format/head.ts'
import type { UpdateState } from './state.ts'

/** A uniform number of 48 bits from texts, the same on every modem and at the operator's. */
function hashNumber(...texts: readonly string[]): number {
  return createHash('sha256').update(texts.join('\0')).digest().readUIntBE(0, 6)
}

/** Whether a modem takes part in a staged roll-out: hash(modemId, salt) mod 100 < percent. */
export function takesCandidate(modemId: string, candidate: { percent: number; salt: string }): boolean {
  return hashNumber(modemId, candidate.salt) % 100 < candidate.percent
}

/** The version that a head means for this modem; a candidate that failed here leaves the stable one. */
export function chooseRelease(head: Head, modemId: string, failed: ReadonlySet<number>): Release {
  const { stable, candidate } = head
  if (!candidate || candidate.release.version <= stable.version) return stable
  if (!takesCandidate(modemId, candidate) || failed.has(candidate.release.version)) return stable
  return candidate.release
}

/** Signed, and not obeyed; it is over once a head names what serves. */
export class RefusedHead extends SecureNetError {}

/** A head that would take the list back. */
function rollback(message: string, remedy: string): RefusedHead {
  return new RefusedHead('LIST_ROLLBACK', message, remedy)
}

/**
 * Between two versions the number of names may change by so many percent of it (keys document, roles.list.maxChange), unless
 * the head says otherwise under a second role: a stolen list key alone must not empty the list.
 */
function changesTooMuch(from: number, to: number, maxChange: number | undefined): boolean {
  return maxChange !== undefined && Math.abs(to - from) * 100 > from * maxChange
}

/** A release against what serves: whether to fetch it, nothing to do, or why it is refused. */
export function judgeRelease(
  { version, result, names }: Release,
  { current, failed }: Pick<UpdateState, 'current' | 'failed'>,
  { epoch, maxChange }: { epoch: number; maxChange?: number | undefined },
): 'fetch' | 'serves' | SecureNetError {
  const sameEpoch = (current?.epoch ?? 0) === epoch
  if (current && version < current.version && sameEpoch) {
    return rollback(
      `version ${version} is older than ${current.version}, which serves`,
      'To take content back, publish it under a higher version.',
    )
  }
  if (failed.includes(version)) {
    return new SecureNetError(
      'LIST_VERSION_FAILED',
      `version ${version} has failed here before`,
      'Publish a better one under a higher version.',
    )
  }
  // Under new keys the number may be right again that a thief has changed.
  if (current && current.version !== version && sameEpoch && changesTooMuch(current.names, names, maxChange))
    return new RefusedHead(
      'LIST_CHANGE_TOO_LARGE',
      `version ${version} has ${names} names, ${current.version} has ${current.names}: a change of more than ${maxChange} %`,
      'If it is meant, publish it with `list publish --large-change`, which the fleet key signs as well.',
    )
  if (current?.version !== version) return 'fetch'
  if (current.result === result) return 'serves'
  return rollback(
    `version ${version}, which serves, is to have another content`,
    'Publish it under a higher version.',
  )
}

/**
 * How long a line waits before it fetches a version: hash(line, version) mod the head's window, counted from issuedAt.
 * @param now ms since 1970
 * @returns ms, never more than the window, however wrong the clock
 */
export function spreadDelay(head: Head, version: number, lineId: string, now: number): number {
  if (head.spreadSeconds <= 0) return 0
  const window = head.spreadSeconds * 1000
  const due = head.issuedAt * 1000 + (hashNumber(lineId, String(version)) % window)
  return Math.min(Math.max(0, due - now), window)
}

/** One snapshot or delta to fetch. */
export interface PlanStep {
  kind: 'snapshot' | 'delta'
  /** Of a delta: where it starts. */
  from?: number
  to: number
  bytes: number
  chunks: readonly string[]
}

/** What one more delta of a chain is worth in bytes: each rewrites the file. */
const stepCost = 262_144

function snapshotOf({ version, snapshot }: Release): PlanStep[] {
  return [{ kind: 'snapshot', to: version, bytes: snapshot.bytes, chunks: snapshot.chunks }]
}

/** Cheapest chain of deltas from a version, by relaxation in the order of the versions; undefined if there is a gap. */
function cheapestChain(release: Release, from: number): PlanStep[] | undefined {
  const best = new Map<number, { cost: number; steps: PlanStep[] }>([[from, { cost: 0, steps: [] }]])
  const deltas = release.deltas
    .map(({ to = release.version, ...delta }) => ({ ...delta, to }))
    .filter((delta) => delta.from < delta.to)
    .sort((a, b) => a.from - b.from)
  for (const { from: start, to, bytes, chunks } of deltas) {
    const before = best.get(start)
    if (!before) continue
    const cost = before.cost + bytes + stepCost
    if (cost >= (best.get(to)?.cost ?? Number.POSITIVE_INFINITY)) continue
    best.set(to, { cost, steps: [...before.steps, { kind: 'delta', from: start, to, bytes, chunks }] })
  }
  return best.get(release.version)?.steps
}

/**
 * The way to a release.
 * @param base what serves now, if anything
 * @returns a chain of deltas where there is one that is shorter than the snapshot, else the snapshot
 */
export function planUpdate(release: Release, base: { version: number; key: string } | null): PlanStep[] {
  const chain = base?.key === release.key ? cheapestChain(release, base.version) : undefined
  if (!chain || chain.length === 0) return snapshotOf(release)
  const bytes = chain.reduce((sum, step) => sum + step.bytes, 0)
  return bytes < release.snapshot.bytes ? chain : snapshotOf(release)
}

/** What a store of so many names takes at most (docs/list-format.md: about 6.2 octets a name). */
export function storeBytes(names: number): number {
  return names * 8 + 131_072
}
