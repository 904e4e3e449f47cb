import { SecureNetError } from '../../module/base/error.ts'
import type { Release } from '../../module/blocklist/format/head.ts'
import type { HeadDocument } from '../../module/control/documents/kinds.ts'
import { topics } from '../../module/control/mqtt/topics.ts'
import { medianTime, mustNotBeBehind } from './clock.ts'
import { refused } from './exit.ts'
import { isSpent } from './numbers.ts'
import { claimsOf, type OrderTools } from './orders.ts'
import type { DocumentRecord, LineRecord } from './register/records.ts'

/** A head is signed again well before this; modems call an older one stale. */
export const headLifeSeconds = 7 * 86_400

/** What the broker holds on the head's topic, and what our own keys have signed of it. */
export interface HeldHead {
  /** Verified. */
  ours?: HeadDocument
  /** Why what lies there is not ours; modems refuse it as well. */
  foreign?: SecureNetError
}

export async function heldHead({ broker, verify }: OrderTools, list: string): Promise<HeldHead> {
  const jws = await broker.read(topics.head(list))
  if (!jws) return {}
  try {
    return { ours: { v: 1, ...(await verify('head', jws)) } }
  } catch (error) {
    if (error instanceof SecureNetError && error.code === 'OPERATOR_FOREIGN_DOCUMENT')
      return { foreign: error }
    throw error
  }
}

/** What the next head is made from, and what the register had then: the next one is claimed against it. */
export interface HeadBefore {
  head: HeadDocument | undefined
  record: DocumentRecord | undefined
}

/** The head that was published last from here. */
export async function lastHead(
  { register }: Pick<OrderTools, 'register'>,
  list: string,
): Promise<HeadBefore> {
  const record = await register.document(topics.head(list))
  // It was signed here, or verified when it was read.
  return { record, head: record && (claimsOf(record.jws) as HeadDocument) }
}

/**
 * The head that the next one is made from: the broker's, if our own keys have signed it; where there is none, or an older
 * one that somebody has put back, what was published last from here: modems take no number below one that they have seen.
 * @param replace go on from what was published last from here, whatever the broker holds
 * @throws OperatorError OPERATOR_FOREIGN_DOCUMENT, OPERATOR_NUMBERS_SPENT
 */
export async function headToGoOnFrom(tools: OrderTools, list: string, replace = false): Promise<HeadBefore> {
  const last = await lastHead(tools, list)
  if (replace) return last
  const { ours, foreign } = await heldHead(tools, list)
  const again = last.head
    ? `\`list publish --version ${last.head.stable.version} --sequence ${last.head.sequence + 1}\` puts back what was published last from here.`
    : '`list publish --sequence N` replaces it; N must be above what modems have seen (`securenet status`, list.sequence).'
  if (foreign)
    throw refused(
      'OPERATOR_FOREIGN_DOCUMENT',
      foreign.message,
      `Find out who put it there; is this the right profile? If so, ${again}`,
    )
  if (ours && isSpent(ours))
    throw refused(
      'OPERATOR_NUMBERS_SPENT',
      `the head stands at sequence ${ours.sequence}: somebody has spent the numbers`,
      `Replace the key (\`keys rotate list\`): numbers count anew under it. Then ${again}`,
    )
  return ours && ours.sequence >= (last.head?.sequence ?? 0) ? { ...last, head: ours } : last
}

/** @throws OperatorError OPERATOR_NO_LIST */
export function mustBe(head: HeadDocument | undefined, list: string): HeadDocument {
  if (head) return head
  throw refused('OPERATOR_NO_LIST', `no list "${list}" is published here`, 'Publish one: `list publish`.')
}

/** The next head: what changes, a higher sequence, and new times. */
export function nextHead(head: HeadDocument, change: Partial<HeadDocument>, nowMs: number): HeadDocument {
  const issuedAt = Math.floor(nowMs / 1000)
  const { largeChange, ...next } = { ...head, ...change }
  const versions = [next.stable.version, next.candidate?.release.version]
  const isNamed = largeChange !== undefined && versions.includes(largeChange)
  return {
    ...next,
    ...(isNamed && { largeChange }),
    sequence: head.sequence + 1,
    issuedAt,
    expires: issuedAt + headLifeSeconds,
  }
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

/** A head signed by a clock that is behind may have expired before a modem sees it. */
async function mustNotExpireAtOnce({ register }: OrderTools, before: HeadBefore, now: number): Promise<void> {
  const issued = Math.max(before.head?.issuedAt ?? 0, before.record?.issuedAt ?? 0)
  mustNotBeBehind(now, issued, 'the head before')
  const times: number[] = []
  for await (const { report } of register.lines()) if (report) times.push(report.reported.at)
  mustNotBeBehind(now, medianTime(times), 'what half of the modems have reported')
}

/**
 * Claimed in the register, then put on the broker and read back.
 * @throws OperatorError OPERATOR_CONFLICT, OPERATOR_CLOCK, and what Broker.put throws
 */
export async function publishHead(tools: OrderTools, before: HeadBefore, head: HeadDocument): Promise<void> {
  await mustNotExpireAtOnce(tools, before, head.issuedAt)
  const jws = await tools.sign('head', head)
  const topic = topics.head(head.list)
  const { sequence, issuedAt } = head
  const act = await tools.act()
  await tools.register.claimDocument(topic, before.record, { sequence, issuedAt, jws, act })
  await tools.broker.put(topic, jws, true)
}

/** What lines report of their list. */
export interface ListReports {
  /** Lines of the register. */
  lines: number
  /** Of which a report is known. */
  reported: number
  /** version -> lines; lines without a list count under `none`. */
  versions: Map<string, string[]>
  /** `stale`, `damaged`, or the code of what keeps the newest version away -> lines. */
  troubles: Map<string, string[]>
}

export function listReports(lines: readonly LineRecord[]): ListReports {
  const reports: ListReports = { lines: lines.length, reported: 0, versions: new Map(), troubles: new Map() }
  for (const { lineId, report } of lines) {
    if (!report) continue
    reports.reported++
    const note = (map: Map<string, string[]>, key: string) => {
      const noted = map.get(key)
      if (noted) noted.push(lineId)
      else map.set(key, [lineId])
    }
    const { version, state, code } = report.reported.list ?? {}
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

/**
 * Chunks of published versions that the head does not name any more. A version above the head's is one that is being put
 * there now.
 */
export function obsoleteChunks(published: readonly Release[], head: HeadDocument): string[] {
  const { list, stable, candidate } = head
  const releases = candidate ? [stable, candidate.release] : [stable]
  const named = new Set(releases.flatMap((release) => chunksOf(list, release)))
  const newest = Math.max(...releases.map(({ version }) => version))
  const old = published
    .filter(({ version }) => version <= newest)
    .flatMap((release) => chunksOf(list, release))
  return [...new Set(old)].filter((topic) => !named.has(topic))
}
