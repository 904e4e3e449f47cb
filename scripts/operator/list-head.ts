import type { Release } from '../../module/blocklist/head.ts'
import type { HeadDocument } from '../../module/control/documents-kinds.ts'
import { topics } from '../../module/control/topics.ts'
import type { Broker } from './broker.ts'
import { refused } from './exit.ts'
import type { Signer } from './keys.ts'
import { claimsOf, type OrderTools } from './orders.ts'
import { parseReported } from './reported.ts'

/** A head is signed again well before this; modems call an older one stale. */
export const headLifeSeconds = 7 * 86_400

export async function currentHead(broker: Broker, list: string): Promise<HeadDocument | undefined> {
  const topic = topics.head(list)
  const jws = (await broker.retained(topic)).get(topic)
  const claims = jws && (claimsOf(jws) as HeadDocument | undefined)
  return claims && Number.isSafeInteger(claims.sequence) && claims.stable ? claims : undefined
}

export async function mustHaveHead(broker: Broker, list: string): Promise<HeadDocument> {
  const head = await currentHead(broker, list)
  if (!head)
    throw refused('OPERATOR_NO_LIST', `no list "${list}" is published here`, 'Publish one: `list publish`.')
  return head
}

/** The head as our own keys have signed it: what the next one is made from. */
export async function signedHead(
  { broker, verify }: OrderTools & Signer,
  list: string,
): Promise<HeadDocument | undefined> {
  const topic = topics.head(list)
  const jws = (await broker.retained(topic)).get(topic)
  return jws && { v: 1, ...(await verify('head', jws)) }
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

export async function publishHead({ broker, sign }: OrderTools, head: HeadDocument): Promise<void> {
  await broker.publish(topics.head(head.list), await sign('head', head), true)
}

export interface ReportedLists {
  /** version -> lines that report it; lines without a list count under `none`. */
  versions: Map<string, string[]>
  /** Code of what went wrong with a modem's last update -> lines. */
  failures: Map<string, string[]>
}

export async function reportedLists(broker: Broker): Promise<ReportedLists> {
  const versions = new Map<string, string[]>()
  const failures = new Map<string, string[]>()
  const count = (lines: Map<string, string[]>, key: string, line: string) => {
    const alike = lines.get(key)
    if (alike) alike.push(line)
    else lines.set(key, [line])
  }
  for (const [topic, payload] of await broker.retained(topics.reported('+'))) {
    const reported = parseReported(payload)
    if (!reported) continue
    const line = topic.split('/').at(-2)!
    count(versions, String(reported.list?.version ?? 'none'), line)
    if (reported.list?.code) count(failures, reported.list.code, line)
  }
  return { versions, failures }
}

/** Every delta leads on from a version that a modem may still have: chunks of all versions in the chain are needed. */
function versionsOf(release: Release): number[] {
  return [release.version, ...release.deltas.map((delta) => delta.to ?? release.version)]
}

/** Retained chunks that the head does not name any more. */
export async function obsoleteChunks(broker: Broker, head: HeadDocument): Promise<string[]> {
  const named = new Set(versionsOf(head.stable))
  for (const version of head.candidate ? versionsOf(head.candidate.release) : []) named.add(version)
  const newest = Math.max(...named)
  const chunks = await broker.retained(`${topics.head(head.list).replace(/head$/, '')}#`, 1000)
  return [...chunks.keys()].filter((topic) => {
    const version = Number(topic.split('/')[4])
    // A version above the head's is one that is being put there now.
    return Number.isInteger(version) && version < newest && !named.has(version)
  })
}
