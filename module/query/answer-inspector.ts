import { isPrivate4, isPrivate6 } from '../base/address-class.ts'
import { type Answer, withoutSectionOf } from '../dns/answer.ts'
import { Ede, Rcode, Type } from '../dns/constants.ts'
import { expandName, NAME_BYTES, skipName } from '../dns/name.ts'
import { Question } from '../dns/question.ts'
import { eachHint, nameOffset } from '../dns/rdata.ts'
import type { RecordView } from '../dns/record.ts'
import { emptyTail, negativeTail, replyWith } from '../dns/reply.ts'
import type { BlockedReply } from './blocked.ts'
import type { QueryPolicy } from './policy.ts'
import type { Query } from './query.ts'
import { createUpstreamBlock, type UpstreamBlock, type WarningPage } from './upstream-block.ts'

/**
 * Judges the whole of an answer: the name asked, every link of its chain, every address.
 * @returns our own reply in its place, or null where it may be served
 */
export type AnswerInspector = (query: Query, answer: Answer) => Buffer | null

export interface AnswerInspectorOptions {
  policy: QueryPolicy
  blocked: BlockedReply
  rebindProtection: boolean
  /** Whether the question's name may have private addresses. */
  rebindExempt: (name: Uint8Array, length: number) => boolean
  /** Of other filters, beside those that are known anyway. */
  warningPages?: readonly WarningPage[]
}

/** A chain over 16 links is a mistake or an attack (docs/dns.md, Blocked). */
const MAX_LINKS = 16

const target = Buffer.alloc(NAME_BYTES)
const rebound = negativeTail(Rcode.NOERROR, 10, [
  { code: Ede.BLOCKED, text: 'a public name with a private address (rebinding)' },
])
const tooLong = emptyTail(Rcode.SERVFAIL, [{ code: Ede.OTHER, text: 'more than 16 links in the chain' }])

/** Where the target name of a record that leads elsewhere starts; -1 for all others. */
function targetOffset(record: RecordView): number {
  if (record.type === Type.CNAME || record.type === Type.DNAME) return record.rdata
  if (record.type === Type.SVCB || record.type === Type.HTTPS) return record.rdata + nameOffset(record.type)
  return -1
}

/** The addresses of an SVCB or HTTPS record are as good as those of A and AAAA (RFC 9460 §7.3). */
function hintsArePrivate(bytes: Buffer, from: number, end: number): boolean {
  return !eachHint(bytes, from, end, (start, last, width) => {
    for (let at = start; at < last; at += width)
      if (width === 4 ? isPrivate4(bytes, at) : isPrivate6(bytes, at)) return false
    return true
  })
}

function isPrivateRecord(bytes: Buffer, record: RecordView): boolean {
  const { type, rdata, end } = record
  if (type === Type.A) return isPrivate4(bytes, rdata)
  if (type === Type.AAAA) return isPrivate6(bytes, rdata)
  if (type !== Type.SVCB && type !== Type.HTTPS) return false
  return hintsArePrivate(bytes, skipName(bytes, rdata + nameOffset(type), end), end)
}

/** The category under which the resolver behind us has blocked it already, or -1. */
function blockedBehindUs(upstreamBlock: UpstreamBlock, bytes: Buffer, record: RecordView): number {
  const { type, rdata, end } = record
  return type === Type.A || type === Type.AAAA ? upstreamBlock(bytes, rdata, end - rdata) : -1
}

export function createAnswerInspector({
  policy,
  blocked,
  rebindProtection,
  rebindExempt,
  warningPages = [],
}: AnswerInspectorOptions): AnswerInspector {
  const upstreamBlock = createUpstreamBlock(warningPages)
  const inspectTargets = (query: Query, answer: Answer): Buffer | null => {
    const { bytes, records, answers } = answer
    let links = 0
    for (let i = 0; i < answers; i++) {
      const record = records[i]!
      const at = targetOffset(record)
      if (at < 0) continue
      if (record.type === Type.CNAME && ++links > MAX_LINKS) {
        query.reason = 'chain-too-long'
        return replyWith(query, tooLong)
      }
      expandName(bytes, at, record.end, target)
      const category = policy.verdict(target, 0)
      // Core and allow beat block, wherever in the chain it is: who lifts a false positive means all that it leads to.
      if (category >= 0 && !policy.exempt(Question.name, 0)) return blocked(query, category, 'blocked-target')
    }
    return null
  }

  const inspectAddresses = (query: Query, answer: Answer): Buffer | null => {
    const { bytes, records, answers } = answer
    for (let i = 0; i < answers; i++) {
      const record = records[i]!
      const category = blockedBehindUs(upstreamBlock, bytes, record)
      if (category >= 0) return blocked(query, category, 'blocked-upstream')
      if (
        rebindProtection &&
        isPrivateRecord(bytes, record) &&
        !rebindExempt(Question.name, query.nameLength)
      ) {
        query.reason = 'rebinding'
        return replyWith(query, rebound)
      }
    }
    return null
  }

  /** Nobody who asks a forwarder needs what stands behind the answer: it goes, where it would lead into the household. */
  const dropPrivateExtras = (query: Query, answer: Answer): void => {
    const { bytes, records, answers } = answer
    for (let i = answers; i < records.length; i++) {
      if (!isPrivateRecord(bytes, records[i]!)) continue
      if (!rebindExempt(Question.name, query.nameLength)) withoutSectionOf(answer, i)
      return
    }
  }

  return (query, answer) => {
    if (!policy.filtering || query.local) return null
    if (query.revision !== policy.revision) {
      // The list has changed while the answer was on its way, or since it was stored.
      const category = policy.verdict(Question.name, 0)
      if (category >= 0) return blocked(query, category, 'blocked')
    }
    const refused = inspectTargets(query, answer) ?? inspectAddresses(query, answer)
    if (refused === null && rebindProtection) dropPrivateExtras(query, answer)
    return refused
  }
}
