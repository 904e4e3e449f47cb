/** What `check` says of one name of the chain. */
export interface LinkVerdict {
  name: string
  blocked: boolean
  /** `list`: listed; `allow`: the operator's exception; `core`: never blocked; `upstream`: blocked behind us; `none`. */
  by: 'list' | 'allow' | 'core' | 'upstream' | 'none'
  category?: string
  /** The listed name that matched: the name itself or one above it. */
  suffix?: string
  scope?: string
  version?: number
}

/** Answer of the daemon to `check`. */
export interface Explanation {
  name: string
  /** What a client gets now. */
  blocked: boolean
  /** False: the line is off, so nothing is blocked, whatever the list says. */
  protecting: boolean
  why: string
  /** The name asked, then every link of its answer. */
  chain: LinkVerdict[]
  addresses: string[]
  rcode: string
}

function linkLine(link: LinkVerdict): string {
  const where = link.version === undefined ? '' : `, list version ${link.version}`
  if (link.by === 'upstream')
    return `${link.name}: blocked as ${link.category} by the resolver behind the modem`
  if (link.blocked) {
    const reach = link.scope === 'tree' ? `${link.suffix} and everything below it` : `${link.suffix} alone`
    return `${link.name}: listed as ${link.category} (entry: ${reach}${where})`
  }
  if (link.by === 'allow')
    return `${link.name}: on the list, but the operator's exception ${link.suffix ?? ''} lets it through`
  if (link.by === 'core') return `${link.name}: belongs to what is never blocked (${link.suffix ?? 'core'})`
  return `${link.name}: not listed`
}

/** For a support agent: the whole reason, one line a fact. */
export function explanationText(found: Explanation, answers: readonly string[]): string {
  const head = found.blocked ? `${found.name} is BLOCKED` : `${found.name} is not blocked`
  const lines = [head]
  if (!found.protecting) lines.push(`  protection is off: ${found.why}`)
  found.chain.forEach((link, i) => {
    lines.push(`  ${i === 0 ? 'name ' : 'link '} ${linkLine(link)}`)
  })
  if (found.addresses.length > 0) lines.push(`  true answer: ${found.rcode} ${found.addresses.join(' ')}`)
  for (const answer of answers) lines.push(`  asked here: ${answer}`)
  return `${lines.join('\n')}\n`
}
