import { isIP } from 'node:net'
import { longestLine } from './lines.ts'
import { normaliseName } from './name.ts'
import { rpzParser } from './rpz.ts'
import { isSink, type LineParser, type Sink, takeName } from './rule.ts'

export const formats = ['domains', 'hosts', 'adblock', 'dnsmasq', 'rpz'] as const
export type Format = (typeof formats)[number]

/** Without a trailing comment, which a blank must precede: `#` alone may be part of a rule. */
function withoutComment(line: string): string {
  const text = line.trim()
  if (/^([#!;]|\/\/)/.test(text)) return ''
  const at = text.search(/\s#/)
  return at < 0 ? text : text.slice(0, at).trimEnd()
}

/** One name a line. */
function domains(): LineParser {
  return (line, sink) => {
    const text = withoutComment(line)
    if (text !== '') takeName(text, 'tree', sink.block, sink)
  }
}

/** What every system's hosts file has for itself. */
const ownNames = new Set([
  'localhost',
  'localhost.localdomain',
  'local',
  'broadcasthost',
  'ip6-localhost',
  'ip6-loopback',
  'ip6-localnet',
  'ip6-mcastprefix',
  'ip6-allnodes',
  'ip6-allrouters',
  'ip6-allhosts',
  '0.0.0.0',
])

/** `0.0.0.0 name name ...` (hosts(5)); an address that is no sink is a mapping, not a block. */
function hosts(): LineParser {
  return (line, sink) => {
    const text = withoutComment(line)
    if (text === '') return
    const [address = '', ...names] = text.split(/\s+/)
    const bare = address.replace(/%.*$/, '')
    if (names.length === 0 || isIP(bare) === 0) return sink.drop('not-understood')
    if (names.every((name) => ownNames.has(name.toLowerCase()))) return sink.drop('local-name')
    if (!isSink(bare)) return sink.drop('not-a-block')
    for (const name of names) {
      if (ownNames.has(name.toLowerCase())) sink.drop('local-name')
      else takeName(name, 'tree', sink.block, sink)
    }
  }
}

/** Modifiers that leave a rule a block of the whole name; every other one narrows or changes it. */
const harmless = new Set(['important', 'all'])

function adblockRule(rule: string, take: Sink['block'], sink: Sink): void {
  const dollar = rule.indexOf('$')
  const modifiers = dollar < 0 ? [] : rule.slice(dollar + 1).split(',')
  const disabled = modifiers.includes('badfilter')
  if (modifiers.some((modifier) => !harmless.has(modifier) && modifier !== 'badfilter'))
    return sink.drop('unknown-modifier')
  const pattern = dollar < 0 ? rule : rule.slice(0, dollar)
  const [, text] = /^\|\|(.*?)\^\|?$/.exec(pattern) ?? []
  // Without `^` it is a prefix: `||example.co` also matches example.com.
  if (text === undefined) return sink.drop(pattern.slice(2).includes('/') ? 'path' : 'pattern')
  // `$badfilter` switches the very same rule off.
  takeName(text, 'tree', disabled && take === sink.block ? sink.except : take, sink)
}

/** AdGuard and adblock rules; only `||name^` and `@@||name^` speak of whole names. */
function adblock(): LineParser {
  return (line, sink) => {
    const text = line.trim()
    if (text === '' || /^(!|\[|# |#$|#+[^#@?$%\w.])/.test(text)) return
    if (/#@?[?$%]*#/.test(text)) return sink.drop('cosmetic')
    if (text.startsWith('||')) return adblockRule(text, sink.block, sink)
    if (text.startsWith('@@||')) return adblockRule(text.slice(2), sink.except, sink)
    if (/^(@@|\/|\|)/.test(text)) return sink.drop(text.includes('://') ? 'path' : 'pattern')
    if (text.includes('$')) return sink.drop('unknown-modifier')
    if (/^\S+\s+\S/.test(text)) return hostsLine(text, sink)
    // AdGuard reads a bare name as that name alone.
    const found = normaliseName(text)
    if (found.ok) sink.block(found.name, 'exact')
    else sink.drop(found.fault === 'bad-name' ? 'pattern' : found.fault)
  }
}

const hostsLine: LineParser = hosts()

/** `address=/name/name/sink`; `server=` and `local=` say whom to ask, which is no block. */
function dnsmasq(): LineParser {
  return (line, sink) => {
    const text = withoutComment(line)
    if (text === '') return
    const [, key, value = ''] = /^(?:--)?([a-z0-9-]+)\s*=\s*(.*)$/.exec(text) ?? []
    if (key !== 'address') return sink.drop(key === undefined ? 'not-understood' : 'not-a-block')
    if (!value.startsWith('/') || value.indexOf('/', 1) < 0) return sink.drop('not-understood')
    const names = value.slice(1).split('/')
    const target = names.pop() ?? ''
    if (target !== '' && target !== '#' && !isSink(target))
      return sink.drop(isIP(target) ? 'not-a-block' : 'path')
    for (const name of names) {
      if (name === '#') sink.block('', 'tree')
      else takeName(name.replace(/^\./, ''), 'tree', sink.block, sink)
    }
  }
}

const makers: Readonly<Record<Format, () => LineParser>> = {
  domains,
  hosts,
  adblock,
  dnsmasq,
  rpz: rpzParser,
}

/** @returns a parser for one input, with whatever it must remember from line to line */
export function parserOf(format: Format): LineParser {
  const parse = makers[format]()
  return (line, sink) => {
    if (line.length > longestLine) sink.drop('too-long')
    else parse(line, sink)
  }
}

/** The format in which most of the first lines make sense; plain domains if none does. */
export function detectFormat(lines: readonly string[]): Format {
  const votes = new Map<Format, number>()
  const vote = (format: Format) => votes.set(format, (votes.get(format) ?? 0) + 1)
  for (const line of lines) {
    const text = line.trim()
    if (/^(\[adblock|@?@?\|\||.*#@?#)/i.test(text)) vote('adblock')
    else if (/^(address|server|local)=\//.test(text)) vote('dnsmasq')
    else if (/^\$(TTL|ORIGIN)\b|\s(SOA|CNAME)\s/i.test(text)) vote('rpz')
    else if (isIP(text.split(/\s/, 1)[0] ?? '') && /\s/.test(text)) vote('hosts')
  }
  let best: Format = 'domains'
  for (const [format, count] of votes) if (count > (votes.get(best) ?? 0)) best = format
  return best
}
