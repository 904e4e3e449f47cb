import { isIP } from 'node:net'
import { longestLine } from './lines.ts'
import { normaliseName } from './name.ts'
import { rpzParser } from './rpz.ts'
import { type DropReason, type LineParser, type Sink, takeName } from './rule.ts'
import { isSink } from './sink-address.ts'

export const formats = ['domains', 'hosts', 'adblock', 'dnsmasq', 'rpz'] as const
export type Format = (typeof formats)[number]

/** Without a trailing comment, which a blank must precede: `#` alone may be part of a rule. */
function withoutComment(line: string): string {
  const text = line.trim()
  if (/^([#!;]|\/\/)/.test(text)) return ''
  const at = text.search(/\s#/)
  return at < 0 ? text : text.slice(0, at).trimEnd()
}

/** One name a line; `.name` is how lists for proxies write a tree. */
function domains(): LineParser {
  return (line, sink) => {
    // It can mean nothing else, and stands in lists that were put together.
    if (/^\s*(@@)?\|\|/.test(line)) return adblockLine(line, sink)
    const text = withoutComment(line)
    if (text !== '') takeName(text.replace(/^\.(?=[^.])/, ''), 'tree', sink.block, sink)
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

/** `0.0.0.0 name name ...` (hosts(5): `#` begins a comment anywhere); an address that is no sink is a mapping, not a block. */
function hosts(): LineParser {
  return (line, sink) => {
    const text = withoutComment(line).replace(/#.*$/, '').trimEnd()
    if (text === '') return
    const [address = '', ...names] = text.split(/\s+/)
    const bare = address.replace(/%.*$/, '')
    if (names.length === 0 || (isIP(bare) === 0 && !isSink(bare))) return sink.drop('not-understood')
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

function adblockRule(rule: string, exception: boolean, sink: Sink): void {
  const dollar = rule.indexOf('$')
  const modifiers = dollar < 0 ? [] : rule.slice(dollar + 1).split(',')
  // `$badfilter` switches the very same rule off.
  const disabled = !exception && modifiers.includes('badfilter')
  if (modifiers.some((modifier) => !harmless.has(modifier) && !(disabled && modifier === 'badfilter'))) {
    sink.drop('unknown-modifier')
    return
  }
  // $important: above every rule without it, exceptions too.
  const firm = modifiers.includes('important')
  const pattern = dollar < 0 ? rule : rule.slice(0, dollar)
  const [, text] = /^\|\|(.*?)\^\|?$/.exec(pattern) ?? []
  // Without `^` it is a prefix: `||example.co` also matches example.com.
  if (text === undefined) sink.drop(pattern.slice(2).includes('/') ? 'path' : 'pattern')
  else if (disabled) takeName(text, 'exact', (name) => sink.except(name, 'exact', firm), sink)
  else {
    const take = exception ? sink.except : sink.block
    takeName(text, 'tree', (name, scope) => take(name, scope, firm), sink)
  }
}

const comment = /^(!|\[|# |#$|#+[^#@?$%\w.])/

/** AdGuard reads a bare name as that name alone, and two words as a line of a hosts file; `ads` and `-ads.js` are parts of URLs. */
function adblockBare(text: string, sink: Sink): void {
  if (/^\S+\s+\S/.test(text)) {
    hostsLine(text, sink)
    return
  }
  const found = normaliseName(text)
  if (found.ok && (!found.name.includes('.') || /^-|-$/.test(found.name))) sink.drop('pattern')
  else if (found.ok) sink.block(found.name, 'exact')
  else sink.drop(found.fault === 'bad-name' ? 'pattern' : found.fault)
}

/** AdGuard and adblock rules; only `||name^` and `@@||name^` speak of whole names. */
function adblockLine(line: string, sink: Sink): void {
  const text = line.trim()
  if (text === '' || comment.test(text)) return
  if (/#@?[?$%]*#/.test(text)) sink.drop('cosmetic')
  else if (text.startsWith('||')) adblockRule(text, false, sink)
  else if (text.startsWith('@@||')) adblockRule(text.slice(2), true, sink)
  else if (/^(@@|\/|\|)/.test(text)) sink.drop(text.includes('://') ? 'path' : 'pattern')
  else if (text.includes('$')) sink.drop('unknown-modifier')
  else adblockBare(text, sink)
}

const hostsLine: LineParser = hosts()

const dnsmasqKeys = new Set(['address', 'local', 'server'])

/**
 * What names with this target are to dnsmasq(8). `address=` answers with a sink; `local=`, and `server=` which is the
 * same, ask nobody without a target, and with `#` the usual servers: an exception from a name above.
 */
function dnsmasqMeaning(key: string, target: string): 'block' | 'except' | DropReason {
  if (key !== 'address') return target === '' ? 'block' : target === '#' ? 'except' : 'not-a-block'
  if (target === '' || target === '#' || isSink(target)) return 'block'
  return isIP(target) ? 'not-a-block' : 'path'
}

function dnsmasqNames(key: string, value: string, sink: Sink): void {
  const names = value.slice(1).split('/')
  const meaning = dnsmasqMeaning(key, names.pop() ?? '')
  for (const pattern of names) {
    const name = pattern.replace(/^\./, '')
    // The longest name wins: what is blocked below an excepted one stays so.
    if (meaning === 'except') takeName(name, 'exact', sink.except, sink)
    else if (meaning !== 'block') sink.drop(meaning)
    else if (name === '#') sink.block('', 'tree')
    else takeName(name, 'tree', sink.block, sink)
  }
}

/** `address=/name/name/sink`, `local=/name/`, `server=/name/`: all that lists for dnsmasq are written in. */
function dnsmasqLine(line: string, sink: Sink): void {
  const text = withoutComment(line)
  if (text === '') return
  const [, key, value = ''] = /^(?:--)?([a-z0-9-]+)\s*=\s*(.*)$/.exec(text) ?? []
  if (key === undefined) sink.drop('not-understood')
  else if (!dnsmasqKeys.has(key)) sink.drop('not-a-block')
  else if (/^\/.*\//.test(value)) dnsmasqNames(key, value, sink)
  else sink.drop(key === 'address' ? 'not-understood' : 'not-a-block')
}

const makers: Readonly<Record<Format, () => LineParser>> = {
  domains,
  hosts,
  adblock: () => adblockLine,
  dnsmasq: () => dnsmasqLine,
  rpz: rpzParser,
}

/** @returns a parser for one input, with whatever it must remember from line to line */
export function parserOf(format: Format): LineParser {
  const parse = makers[format]()
  const { openSince } = parse
  const bounded = (line: string, sink: Sink) => {
    if (line.length > longestLine) sink.drop('too-long')
    else parse(line, sink)
  }
  return Object.assign(bounded, openSince && { openSince })
}

/** A cosmetic rule, and not a comment's banner (`#####`) or a comment at the end of a line. */
const cosmeticRule = /^([^#!;\s]\S*)?#@?[?$%]*#[^#\s].*[^#]$/

/** What this line can only be; undefined for a comment, and for what several formats have. */
function formatOf(text: string): Format | undefined {
  if (/^(\[adblock|@?@?\|\|)/i.test(text) || cosmeticRule.test(text)) return 'adblock'
  if (/^([#!;[]|\/\/|$)/.test(text)) return undefined
  if (/^(address|server|local)=\//.test(text)) return 'dnsmasq'
  if (/^\$(TTL|ORIGIN)\b|\s(SOA|CNAME)\s/i.test(text)) return 'rpz'
  const [first = ''] = text.split(/\s/, 1)
  if (first !== text && (isIP(first) || isSink(first))) return 'hosts'
  return normaliseName(withoutComment(text).replace(/^\*?\./, '')).ok ? 'domains' : undefined
}

/** So many lines that are no comment decide. */
const enough = 1000

/** What lines look like, and what they are therefore read as. */
export interface Guess {
  format: Format
  /** Lines that look like another format. */
  others: ReadonlyMap<Format, number>
}

/** Guesses a format by what most of the first lines look like that are no comment. */
export class FormatGuess {
  readonly #votes = new Map<Format, number>()
  #voters = 0

  /** @returns whether enough was seen */
  add(lines: readonly string[]): boolean {
    for (const line of lines) {
      if (this.#voters >= enough) return true
      const format = formatOf(line.trim())
      if (format === undefined) continue
      this.#votes.set(format, (this.#votes.get(format) ?? 0) + 1)
      this.#voters += 1
    }
    return this.#voters >= enough
  }

  /** Of formats with equal votes adblock, which has plain names and hosts lines too; plain domains if none has any. */
  get guess(): Guess {
    const [[format] = ['domains' as Format], ...others] = [...this.#votes].sort(
      ([a, m], [b, n]) => n - m || Number(b === 'adblock') - Number(a === 'adblock'),
    )
    return { format, others: new Map(others) }
  }
}

export function detectFormat(lines: readonly string[]): Format {
  const votes = new FormatGuess()
  votes.add(lines)
  return votes.guess.format
}
