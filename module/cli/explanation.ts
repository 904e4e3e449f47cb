import type { LinkVerdict, NameExplanation } from '../diagnostics/explain-name.ts'
import { headline, type Paint, row } from './sheet.ts'
import { whyText } from './why.ts'

/** Before the list is asked (query/special-names.ts). */
const ownNames = new Map<LinkVerdict['by'], string>([
  ['special', 'a special name, answered by the modem itself; the list is not asked'],
  ['canary', 'a canary: it does not exist while protecting, so that browsers and phones ask the modem'],
  ['household', 'a name of the household, left to the stock resolver; the list is not asked'],
])

function linkLine(link: LinkVerdict): string {
  const where = link.version === undefined ? '' : `, list version ${link.version}`
  if (link.by === 'upstream')
    return `${link.name}: blocked as ${link.category} by the resolver behind the modem`
  if (link.blocked) {
    const reach = link.scope === 'tree' ? `${link.suffix} and everything below it` : `${link.suffix} alone`
    return `${link.name}: listed as ${link.category} (entry: ${reach}${where})`
  }
  const own = ownNames.get(link.by)
  if (own !== undefined) return `${link.name}: ${own}`
  if (link.by === 'allow')
    return `${link.name}: on the list, but the operator's exception ${link.suffix ?? ''} lets it through`
  if (link.by === 'core') return `${link.name}: belongs to what is never blocked (${link.suffix ?? 'core'})`
  return `${link.name}: not listed`
}

/** For a support agent: the verdict, then the whole reason, in 60 columns. */
export function explanationText(found: NameExplanation, answers: readonly string[], paint: Paint): string {
  const { name, blocked, protecting, why, chain, rcode, addresses } = found
  const head = headline(`${name} is ${blocked ? 'BLOCKED' : 'not blocked'}`)
  const lines = head.map(blocked ? paint.bad : paint.good)
  if (!protecting) lines.push(...row('because', `protection is off: ${whyText(why).why} (${why})`))
  lines.push('')
  chain.forEach((link, i) => {
    lines.push(...row(i === 0 ? 'name' : 'leads to', linkLine(link)))
  })
  if (addresses.length > 0) lines.push(...row('upstream', `${rcode} ${addresses.join(' ')}`))
  answers.forEach((answer, i) => {
    lines.push(...row(i === 0 ? 'answered' : '', answer))
  })
  return `${lines.join('\n')}\n`
}
