import { SecureNetError } from '../../module/base/error.ts'
import type { Release } from '../../module/blocklist/format/head.ts'
import type { HeadDocument } from '../../module/control/documents/kinds.ts'
import { topics } from '../../module/control/mqtt/topics.ts'
import type { Broker } from './broker.ts'
import { refused } from './exit.ts'
import type { Signer } from './keys.ts'
import type { Archive } from './list/archive.ts'
import { type OrderTools, spentAbove } from './orders.ts'
import { parseReported } from './reported.ts'

/** A head is signed again well before this; modems call an older one stale. */
export const headLifeSeconds = 7 * 86_400

/** What the broker holds on the head's topic, and what our own keys have signed of it. */
export interface HeldHead {
  /** Verified. */
  ours?: HeadDocument
  /** Why what lies there is not ours; modems refuse it as well. */
  foreign?: SecureNetError
}

export async function heldHead({ broker, verify }: OrderTools & Signer, list: string): Promise<HeldHead> {
  const topic = topics.head(list)
  const jws = (await broker.retained(topic)).get(topic)
  if (!jws) return {}
  try {
    return { ours: { v: 1, ...(await verify('head', jws)) } }
  } catch (error) {
    if (error instanceof SecureNetError && error.code === 'OPERATOR_FOREIGN_DOCUMENT')
      return { foreign: error }
    throw error
  }
}

/**
 * The head that the next one is made from: the broker's, if our own keys have signed it; where there is none, or an older
 * one that somebody has put back, what was published last from here: modems take no number below one that they have seen.
 * @param replace go on from what was published last from here, whatever the broker holds
 * @throws OperatorError OPERATOR_FOREIGN_DOCUMENT, OPERATOR_NUMBERS_SPENT
 */
export async function headToGoOnFrom(
  tools: OrderTools & Signer,
  archive: Archive,
  list: string,
  replace = false,
): Promise<HeadDocument | undefined> {
  const last = await archive.head()
  if (replace) return last
  const { ours, foreign } = await heldHead(tools, list)
  const again = last
    ? `\`list publish --version ${last.stable.version} --sequence ${last.sequence + 1}\` puts back what was published last from here.`
    : '`list publish --sequence N` replaces it; N must be above what modems have seen (`securenet status`, list.sequence).'
  if (foreign)
    throw refused(
      'OPERATOR_FOREIGN_DOCUMENT',
      foreign.message,
      `Find out who put it there; is this the right profile? If so, ${again}`,
    )
  if (ours && ours.sequence > spentAbove)
    throw refused(
      'OPERATOR_NUMBERS_SPENT',
      `the head stands at sequence ${ours.sequence}: somebody has spent the numbers`,
      `Replace the key (\`keys rotate list\`): numbers count anew under it. Then ${again}`,
    )
  return ours && ours.sequence >= (last?.sequence ?? 0) ? ours : last
}

/** @throws OperatorError OPERATOR_NO_LIST */
export function mustBe(head: HeadDocument | undefined, list: string): HeadDocument {
  if (head) return head
  throw refused('OPERATOR_NO_LIST', `no list "${list}" is published here`, 'Publish one: `list publish`.')
}

/** The next head: what changes, a higher sequence, and new times. */
export function nextHead(head: HeadDocument, change: Partial<HeadDocument>, nowMs: number): HeadDocument {
  const issuedAt = Math.floor(nowMs / 1000)
  return { ...head, ...change, sequence: head.sequence + 1, issuedAt, expires: issuedAt + headLifeSeconds }
}

export function promoted(head: HeadDocument, nowMs: number): HeadDocument {
  const { candidate, ...rest } = head
  if (!candidate)
    throw refused(
      'OPERATOR_NO_CANDIDATE',
      'there is no candidate to promote',
      '`list status` shows the head.',
    )
  return nextHead({ ...rest, stable: candidate.release }, {}, nowMs)
}

export function withoutCandidate(head: HeadDocument, nowMs: number): HeadDocument {
  const { candidate, ...rest } = head
  if (!candidate)
    throw refused('OPERATOR_NO_CANDIDATE', 'there is no candidate to stop', '`list status` shows the head.')
  return nextHead(rest, {}, nowMs)
}

export async function publishHead(
  { broker, sign }: OrderTools,
  archive: Archive,
  head: HeadDocument,
): Promise<void> {
  const jws = await sign('head', head)
  await archive.rememberHead(head)
  await broker.publish(topics.head(head.list), jws, true)
}

/** What lines report of their list. */
export interface ListReports {
  /** version -> lines; lines without a list count under `none`. */
  versions: Map<string, string[]>
  /** `stale`, `damaged`, or the code of what keeps the newest version away -> lines. */
  troubles: Map<string, string[]>
}

export async function listReports(broker: Broker): Promise<ListReports> {
  const reports: ListReports = { versions: new Map(), troubles: new Map() }
  for (const [topic, payload] of await broker.retained(topics.reported('+'))) {
    const reported = parseReported(payload)
    if (!reported) continue
    const line = topic.split('/').at(-2)!
    const note = (map: Map<string, string[]>, key: string) => map.set(key, [...(map.get(key) ?? []), line])
    const { version, state, code } = reported.list ?? {}
    note(reports.versions, String(version ?? 'none'))
    if (state === 'stale' || state === 'damaged') note(reports.troubles, state)
    if (code !== undefined) note(reports.troubles, code)
  }
  return reports
}

/** The topics of all chunks that a release names: its snapshot, and every delta of its chain. */
function chunksOf(list: string, { version, snapshot, deltas }: Release): string[] {
  const own = snapshot.chunks.map((_, index) => topics.snapshot(list, version, index))
  const chain = deltas.flatMap(({ from, to = version, chunks }) =>
    chunks.map((_, index) => topics.delta(list, to, from, index)),
  )
  return [...own, ...chain]
}

/** Retained chunks that the head does not name any more. */
export async function obsoleteChunks(broker: Broker, head: HeadDocument): Promise<string[]> {
  const { list, stable, candidate } = head
  const releases = candidate ? [stable, candidate.release] : [stable]
  const named = new Set(releases.flatMap((release) => chunksOf(list, release)))
  const newest = Math.max(...releases.map(({ version }) => version))
  const retained = await broker.retained(topics.head(list).replace(/head$/, '#'), 1000)
  return [...retained.keys()].filter((topic) => {
    const version = Number(topic.split('/')[4])
    // A version above the head's is one that is being put there now.
    return Number.isInteger(version) && version <= newest && !named.has(topic)
  })
}
