import { createMasterReader } from './master-file.ts'
import { type LineParser, type Sink, takeName } from './rule.ts'
import { isSink } from './sink-address.ts'

const triggers = /(^|\.)rpz-(client-ip|ip|nsdname|nsip)$/

/** Skips TTL and class, in either order. */
function typeAndData(words: readonly string[]): { type: string; data: readonly string[] } {
  const rest = [...words]
  while (rest[0] !== undefined && /^((\d+[smhdw]?)+|IN|CH|HS)$/i.test(rest[0])) rest.shift()
  return { type: (rest[0] ?? '').toUpperCase(), data: rest.slice(1) }
}

/** @returns what to do with the name, by the record (draft-vixie-dnsop-dns-rpz §3), or undefined: it is no block */
function policy(
  type: string,
  [data = '', ...more]: readonly string[],
  sink: Sink,
): Sink['block'] | undefined {
  if (more.length > 0) return undefined
  if (type === 'CNAME') {
    // NXDOMAIN, NODATA, DROP; any other target leads somewhere else.
    if (/^(\.|\*\.|rpz-drop\.?)$/i.test(data)) return sink.block
    // Of two owners the more specific one decides, so that `*.name` does not speak of what is listed below it.
    if (/^rpz-passthru\.?$/i.test(data)) return (name) => sink.except(name, 'exact')
    return undefined
  }
  return (type === 'A' || type === 'AAAA') && isSink(data) ? sink.block : undefined
}

/** Response policy zone: a plain owner is that name alone, `*.name` the tree. */
export function rpzParser(): LineParser {
  /** Of the SOA, or what the first $ORIGIN says; triggers are relative to it. */
  let zone: string | undefined
  /** What relative owners are relative to; unknown, it is the zone. A master file may change it again and again. */
  let origin: string | undefined
  let owner = ''
  const reader = createMasterReader()

  const absolute = (text: string): string => {
    if (text.endsWith('.')) return text.slice(0, -1).toLowerCase()
    if (origin === undefined || origin === '') return text.toLowerCase()
    return text === '@' ? origin : `${text.toLowerCase()}.${origin}`
  }

  /** @returns the trigger within the zone, or undefined if the owner lies outside of it */
  const inZone = (text: string): string | undefined => {
    const full = absolute(text)
    if (zone === undefined || zone === '') return full
    if (origin === undefined && !text.endsWith('.')) return full
    if (full === zone) return '@'
    return full.endsWith(`.${zone}`) ? full.slice(0, -zone.length - 1) : undefined
  }

  const record = (words: readonly string[], sink: Sink) => {
    const { type, data } = typeAndData(words)
    if (/^(SOA|NS|RRSIG|DNSKEY|NSEC|TXT)$/.test(type)) {
      if (type === 'SOA' && (owner.endsWith('.') || origin !== undefined)) zone = absolute(owner)
      return
    }
    const take = policy(type, data, sink)
    if (!take) return sink.drop(data.length === 0 ? 'not-understood' : 'not-a-block')
    const name = inZone(owner)
    if (name === undefined) sink.drop('out-of-zone')
    else if (triggers.test(name)) sink.drop('unsupported-trigger')
    else if (name === '' || name === '@') sink.drop('not-understood')
    else takeName(name, 'exact', take, sink)
  }

  const control = ([word = '', value = '']: readonly string[], sink: Sink) => {
    if (word.toUpperCase() === '$ORIGIN') {
      origin = absolute(value)
      zone ??= origin
    } else if (word.toUpperCase() !== '$TTL') sink.drop('not-understood')
  }

  const parse = (line: string, sink: Sink) => {
    const entry = reader.next(line)
    if (!entry) return
    const words = [...entry.words]
    if (entry.isBroken) return sink.drop('not-understood')
    if (words[0]?.startsWith('$')) return control(words, sink)
    if (!entry.inherits) owner = words.shift() ?? ''
    record(words, sink)
  }
  return Object.assign(parse, { openSince: reader.openSince })
}
