import { BLOCKED, categoryName, RESOLVER_BYPASS } from '../category.ts'
import { Ede, Rcode, Type } from '../dns/constants.ts'
import type { ExtendedError } from '../dns/edns.ts'
import { answerTail, negativeTail, type ReplySections, replyWith } from '../dns/reply.ts'
import type { Query } from './query.ts'
import type { AnswerReason } from './reason.ts'

export interface BlockedOptions {
  /** The block page's address, as 4 octets. */
  ipv4: Uint8Array
  /** As 16 octets; null: AAAA gets NODATA. */
  ipv6: Uint8Array | null
  /** The page as a person would type it, for EDE's text. */
  pageUrl: string
  /** Seconds. */
  ttl: number
  structuredErrors: boolean
  operator: string
}

/** Sub-error codes of the structured errors' registry. */
const subErrors = new Map([
  ['malware', 1],
  ['phishing', 2],
])

/** Answers a name that is blocked; the only place that knows how a block looks on the wire (docs/dns.md, Blocked). */
export type BlockedReply = (query: Query, category: number, reason: AnswerReason) => Buffer

/** Types that have a tail of their own; all others share NODATA, so that no type tells more than another. */
const Shape = { address4: 0, address6: 1, nothing: 2 } as const

export function createBlockedReply(options: BlockedOptions): BlockedReply {
  const { ipv4, ipv6, ttl } = options
  const text = (category: number) =>
    category === BLOCKED
      ? `blocked by ${options.operator}`
      : `blocked as ${categoryName(category)} by ${options.operator}`

  const structured = (category: number): ExtendedError => {
    const name = categoryName(category)
    const body = { c: [options.pageUrl], j: text(category), s: subErrors.get(name), o: options.operator }
    return { code: Ede.BLOCKED, text: JSON.stringify(body) }
  }

  const makeTail = (category: number, shape: number, asked: boolean): ReplySections => {
    if (category === RESOLVER_BYPASS)
      return negativeTail(Rcode.NXDOMAIN, ttl, [{ code: Ede.BLOCKED, text: text(category) }])
    const forged = asked
      ? structured(category)
      : { code: Ede.FORGED, text: `${text(category)}; ${options.pageUrl}` }
    if (shape === Shape.address4) return answerTail(Type.A, ttl, ipv4, [forged])
    if (shape === Shape.address6 && ipv6) return answerTail(Type.AAAA, ttl, ipv6, [forged])
    const error = asked ? structured(category) : { code: Ede.BLOCKED, text: text(category) }
    return negativeTail(Rcode.NOERROR, ttl, [error])
  }

  const made: (ReplySections | undefined)[] = []
  return (query, category, reason) => {
    query.reason = category === RESOLVER_BYPASS ? 'resolver-bypass' : reason
    query.category = category
    const shape =
      query.type === Type.A ? Shape.address4 : query.type === Type.AAAA ? Shape.address6 : Shape.nothing
    const asked = options.structuredErrors && query.wantsStructuredErrors
    const index = category * 8 + shape * 2 + (asked ? 1 : 0)
    let tail = made[index]
    if (tail === undefined) {
      tail = makeTail(category, shape, asked)
      made[index] = tail
    }
    return replyWith(query, tail)
  }
}
