import { addressText } from '../base/address.ts'
import { SecureNetError } from '../base/error.ts'
import type { Matcher } from '../blocklist/matcher.ts'
import { categoryName } from '../category.ts'
import type { Answer } from '../dns/answer.ts'
import { Rcode, rcodeText, Type } from '../dns/constants.ts'
import { expandName, NAME_BYTES, nameFromText, nameToText } from '../dns/name.ts'
import { createUpstreamBlock, type WarningPage } from '../query/upstream-block.ts'
import { addressesOf, ask } from '../upstream/ask.ts'
import type { Upstream } from '../upstream/upstream.ts'

export interface LinkVerdict {
  name: string
  blocked: boolean
  /** `list`: listed; `allow`, `core`: overruled; `upstream`: blocked behind us; `none`: not listed. */
  by: 'list' | 'allow' | 'core' | 'upstream' | 'none'
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
  /** Whether a name is the stock resolver's own (query/local-names.ts). */
  isLocal: (name: Uint8Array, type: number) => boolean
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

/**
 * Explains the verdict on a name: the list's entry that matches, what overrules it, and every link of its answer.
 * @param text a name as a person types it; IDNs as A-labels
 * @throws SecureNetError NAME_INVALID
 */
export async function explainName(text: string, options: ExplainOptions): Promise<NameExplanation> {
  const name = nameFromText(text.toLowerCase())
  if (!name || name.length === 1)
    throw new SecureNetError(
      'NAME_INVALID',
      `${JSON.stringify(text)} is not a name`,
      'Give a name such as www.example.com.',
    )
  const { matcher, upstream, isLocal, protection } = options
  const linkOf = (wire: Buffer): LinkVerdict => {
    const { listed, ...reason } = matcher.explain(wire, 0)
    return { name: nameToText(wire), blocked: listed, ...reason }
  }
  const answer = await ask(upstream, name, Type.A, 'check', isLocal(name, Type.A))
  const addresses = answer ? addressesOf(answer) : []
  const chain = [name, ...(answer ? targets(answer) : [])].map(linkOf)
  // As query/answer-inspector.ts has it: core and allow hold for all that the name leads to.
  const exempt = matcher.exempt(name, 0)
  if (exempt)
    for (const link of chain)
      if (link.blocked) Object.assign(link, { blocked: false, by: exempt, suffix: nameToText(name) })
  const upstreamBlock = createUpstreamBlock(options.warningPages ?? [])
  const behindUs = addresses
    .map((address) => upstreamBlock(address, 0, address.length))
    .find((category) => category >= 0)
  if (behindUs !== undefined)
    chain.push({ name: nameToText(name), blocked: true, by: 'upstream', category: categoryName(behindUs) })
  const { protecting, why } = protection()
  return {
    name: nameToText(name),
    blocked: protecting && chain.some((link) => link.blocked),
    protecting,
    why,
    chain,
    addresses: addresses.map(addressText),
    rcode: rcodeText(answer?.rcode ?? Rcode.SERVFAIL),
  }
}
