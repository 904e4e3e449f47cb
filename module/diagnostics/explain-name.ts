import { addressText } from '../base/address.ts'
import type { Matcher } from '../blocklist/matcher.ts'
import { categoryName } from '../category.ts'
import type { Answer } from '../dns/answer.ts'
import { Rcode, rcodeText, Type } from '../dns/constants.ts'
import { expandName, NAME_BYTES, nameToText } from '../dns/name.ts'
import { queryMessage } from '../dns/query-message.ts'
import { NEXT, Query, type QueryStep } from '../query/query.ts'
import { createUpstreamBlock, type WarningPage } from '../query/upstream-block.ts'
import { addressesOf, ask } from '../upstream/ask.ts'
import type { Upstream } from '../upstream/upstream.ts'
import { hostNameIn } from './host-name.ts'

export interface LinkVerdict {
  name: string
  blocked: boolean
  /**
   * `list`: listed; `allow`, `core`: overruled; `upstream`: blocked behind us; `none`: not listed. The list is not asked for
   * the name itself where it is `special`, answered by the modem (RFC 6761 and the like); a `canary`, which does not exist
   * while protecting; the `household`'s, left to the stock resolver.
   */
  by: 'list' | 'allow' | 'core' | 'upstream' | 'none' | 'special' | 'canary' | 'household'
  category?: string
  /** The entry that decided: the name itself or one above it. */
  suffix?: string
  scope?: string
  version?: number
}

/** Answer to `check`: the whole reason, link by link. */
export interface NameExplanation {
  name: string
  blocked: boolean
  /** False: nothing is blocked, whatever the list says. */
  protecting: boolean
  why: string
  /** The name asked, then every link of its answer. */
  chain: LinkVerdict[]
  /** The true addresses, by the resolver behind us. */
  addresses: string[]
  rcode: string
}

export interface ExplainOptions {
  matcher: Pick<Matcher, 'explain' | 'exempt'>
  upstream: Pick<Upstream, 'exchange'>
  /** The step of the chain before the list is asked (query/special-names.ts). */
  special: QueryStep
  protection: () => { protecting: boolean; why: string }
  warningPages?: readonly WarningPage[]
}

/** Links of an answer: where each CNAME leads. */
function targets({ bytes, records, answers }: Answer): Buffer[] {
  const found: Buffer[] = []
  for (const record of records.slice(0, answers)) {
    if (record.type !== Type.CNAME) continue
    const into = Buffer.alloc(NAME_BYTES)
    const length = expandName(bytes, record.rdata, record.end, into)
    if (length > 0) found.push(into.subarray(0, length))
  }
  return found
}

/** What the special-name step does with the name; null: the list is asked. */
function specialVerdict(name: Buffer, special: QueryStep): 'special' | 'canary' | 'household' | null {
  const query = new Query(queryMessage(name, Type.A), '127.0.0.1', 'udp')
  query.read()
  if (special(query) === NEXT) return query.local ? 'household' : null
  return query.reason === 'relay-canary' ? 'canary' : 'special'
}

/** As query/answer-inspector.ts has it: core and allow hold for all that the name leads to. */
function liftAll(chain: readonly LinkVerdict[], by: 'allow' | 'core', suffix: string): void {
  for (const link of chain) if (link.blocked) Object.assign(link, { blocked: false, by, suffix })
}

/**
 * Explains the verdict on a name: the step that decides on it, the list's entry that matches, what overrules it, and every
 * link of its answer.
 * @param text a host name as a person types or pastes it (host-name.ts)
 * @throws SecureNetError NAME_INVALID
 */
export async function explainName(text: string, options: ExplainOptions): Promise<NameExplanation> {
  const name = hostNameIn(text)
  const { matcher, upstream, special, protection } = options
  const own = specialVerdict(name, special)
  const linkOf = (wire: Buffer): LinkVerdict => {
    const { listed, ...reason } = matcher.explain(wire, 0)
    return { name: nameToText(wire), blocked: listed, ...reason }
  }
  const isAsked = own === null || own === 'household'
  const answer = isAsked ? await ask(upstream, name, Type.A, 'check', own === 'household') : null
  const addresses = answer ? addressesOf(answer) : []
  const chain: LinkVerdict[] =
    own === null
      ? [name, ...(answer ? targets(answer) : [])].map(linkOf)
      : [{ name: nameToText(name), blocked: false, by: own }]
  const exempt = matcher.exempt(name, 0)
  if (exempt) liftAll(chain, exempt, nameToText(name))
  const upstreamBlock = createUpstreamBlock(options.warningPages ?? [])
  const behindUs = addresses
    .map((address) => upstreamBlock(address, 0, address.length))
    .find((category) => category >= 0)
  if (behindUs !== undefined && own === null)
    chain.push({ name: nameToText(name), blocked: true, by: 'upstream', category: categoryName(behindUs) })
  const { protecting, why } = protection()
  return {
    name: nameToText(name),
    blocked: protecting && chain.some((link) => link.blocked),
    protecting,
    why,
    chain,
    addresses: addresses.map(addressText),
    rcode: isAsked ? rcodeText(answer?.rcode ?? Rcode.SERVFAIL) : 'not asked',
  }
}
