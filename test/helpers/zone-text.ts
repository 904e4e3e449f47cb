import { isIPv6 } from 'node:net'
import { expandName, nameFromText, nameToText } from '../../module/dns/name.ts'

/** Types that scenarios name; others are written `TYPEn`. */
export const typeNumbers: Readonly<Record<string, number>> = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  HINFO: 13,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  DNAME: 39,
  OPT: 41,
  DS: 43,
  RRSIG: 46,
  DNSKEY: 48,
  SVCB: 64,
  HTTPS: 65,
  IXFR: 251,
  AXFR: 252,
  ANY: 255,
}

export function typeNumber(text: string): number {
  const number = typeNumbers[text] ?? Number(/^TYPE(\d+)$/.exec(text)?.[1] ?? Number.NaN)
  if (Number.isNaN(number)) throw new Error(`unknown type ${text}`)
  return number
}

export function typeName(number: number): string {
  return Object.entries(typeNumbers).find(([, value]) => value === number)?.[0] ?? `TYPE${number}`
}

function wire(text: string): Buffer {
  const name = nameFromText(text)
  if (!name) throw new Error(`not a name: ${text}`)
  return name
}

function word(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16BE(value)
  return bytes
}

export function ipv6Bytes(text: string): Buffer {
  if (!isIPv6(text)) throw new Error(`not IPv6: ${text}`)
  const v4 = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text)
  const hex = v4
    ? `${v4[1]}${(Number(v4[2]) * 256 + Number(v4[3])).toString(16)}:${(Number(v4[4]) * 256 + Number(v4[5])).toString(16)}`
    : text
  const [head = '', tail] = hex.split('::')
  const groups = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  while (tail !== undefined && groups.length + after.length < 8) groups.push('0')
  return Buffer.concat([...groups, ...after].map((group) => word(Number.parseInt(group, 16))))
}

/** `ipv4hint=1.2.3.4` and `ipv6hint=::1` (RFC 9460 §7.3), in the order given. */
function svcParams(texts: readonly string[]): Buffer {
  return Buffer.concat(
    texts.map((text) => {
      const [key = '', value = ''] = text.split('=')
      const data = key === 'ipv4hint' ? Buffer.from(value.split('.').map(Number)) : ipv6Bytes(value)
      return Buffer.concat([word(key === 'ipv4hint' ? 4 : 6), word(data.length), data])
    }),
  )
}

/** RDATA from words of a zone-file line; `\# HEX` for anything else (RFC 3597 §5). */
export function rdataFromText(type: string, words: readonly string[]): Buffer {
  const [first = '', second = '', ...rest] = words
  if (first === '\\#') return Buffer.from(words.slice(1).join(''), 'hex')
  switch (type) {
    case 'A':
      return Buffer.from(first.split('.').map(Number))
    case 'AAAA':
      return ipv6Bytes(first)
    case 'CNAME':
    case 'DNAME':
    case 'PTR':
    case 'NS':
      return wire(first)
    case 'MX':
      return Buffer.concat([word(Number(first)), wire(second)])
    case 'SVCB':
    case 'HTTPS':
      return Buffer.concat([word(Number(first)), wire(second), svcParams(rest)])
    case 'TXT':
      return Buffer.concat(words.map((text) => Buffer.concat([Buffer.of(text.length), Buffer.from(text)])))
    case 'SOA': {
      const minimum = Buffer.alloc(20)
      minimum.writeUInt32BE(Number(words.at(-1)), 16)
      return Buffer.concat([wire(first), wire(second), minimum])
    }
    default:
      throw new Error(`no text form for ${type}; use \\# HEX`)
  }
}

interface Decoded {
  owner: string
  ttl: number
  type: number
  class: number
  rdata: Buffer
  text: string
}

export interface DecodedMessage {
  id: number
  rcode: number
  flags: string[]
  question: string | null
  sections: [Decoded[], Decoded[], Decoded[]]
  opt: { size: number; flags: number; version: number; options: { code: number; data: Buffer }[] } | null
}

const flagBits: readonly [string, number][] = [
  ['qr', 0x8000],
  ['aa', 0x0400],
  ['tc', 0x0200],
  ['rd', 0x0100],
  ['ra', 0x0080],
  ['z', 0x0040],
  ['ad', 0x0020],
  ['cd', 0x0010],
]

function nameAt(message: Buffer, at: number): { text: string; end: number } {
  const into = Buffer.alloc(256)
  const length = expandName(message, at, message.length, into)
  if (length < 0) throw new Error(`broken name at ${at}`)
  let end = at
  while (message[end]! !== 0 && message[end]! < 0xc0) end += message[end]! + 1
  return { text: nameToText(into.subarray(0, length)), end: end + (message[end] === 0 ? 1 : 2) }
}

function rdataToText(message: Buffer, type: number, at: number, end: number): string {
  const bytes = message.subarray(at, end)
  switch (typeName(type)) {
    case 'A':
      return bytes.join('.')
    case 'AAAA':
      return Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(i * 2).toString(16)).join(':')
    case 'CNAME':
    case 'DNAME':
    case 'PTR':
    case 'NS':
      return nameAt(message, at).text
    case 'MX':
      return `${bytes.readUInt16BE(0)} ${nameAt(message, at + 2).text}`
    case 'SVCB':
    case 'HTTPS':
      return `${bytes.readUInt16BE(0)} ${nameAt(message, at + 2).text}`
    case 'SOA':
      return `${nameAt(message, at).text} minimum ${message.readUInt32BE(end - 4)}`
    case 'TXT':
    case 'HINFO':
      return JSON.stringify(bytes.toString('latin1'))
    default:
      return `\\# ${bytes.toString('hex')}`
  }
}

function decodeOptions(bytes: Buffer): { code: number; data: Buffer }[] {
  const options = []
  for (let at = 0; at < bytes.length; ) {
    const end = at + 4 + bytes.readUInt16BE(at + 2)
    if (end > bytes.length) throw new Error('option longer than RDLEN')
    options.push({ code: bytes.readUInt16BE(at), data: bytes.subarray(at + 4, end) })
    at = end
  }
  return options
}

/**
 * Reads a whole reply strictly: anything left over or cut off throws.
 * @param rdata false: RDATA is not looked into, as a forwarder must not (RFC 3597)
 */
export function decode(message: Buffer, { rdata: readRdata = true } = {}): DecodedMessage {
  const flags = message.readUInt16BE(2)
  let at = 12
  let question: string | null = null
  if (message.readUInt16BE(4) === 1) {
    const name = nameAt(message, at)
    question = `${name.text} ${typeName(message.readUInt16BE(name.end))}`
    at = name.end + 4
  }
  const sections: DecodedMessage['sections'] = [[], [], []]
  let opt: DecodedMessage['opt'] = null
  let upper = 0
  for (let section = 0; section < 3; section++) {
    for (let left = message.readUInt16BE(6 + section * 2); left > 0; left--) {
      const owner = nameAt(message, at)
      const type = message.readUInt16BE(owner.end)
      const cls = message.readUInt16BE(owner.end + 2)
      const ttl = message.readUInt32BE(owner.end + 4)
      const rdata = owner.end + 10
      const end = rdata + message.readUInt16BE(owner.end + 8)
      if (end > message.length) throw new Error('record cut off')
      if (type === 41) {
        upper = ttl >>> 24
        opt = {
          size: cls,
          flags: ttl & 0xffff,
          version: (ttl >>> 16) & 0xff,
          options: decodeOptions(message.subarray(rdata, end)),
        }
      } else {
        const value = readRdata ? rdataToText(message, type, rdata, end) : ''
        const text = `${owner.text} ${ttl} ${typeName(type)} ${value}`
        sections[section]!.push({
          owner: owner.text,
          ttl,
          type,
          class: cls,
          rdata: message.subarray(rdata, end),
          text,
        })
      }
      at = end
    }
  }
  if (at !== message.length) throw new Error(`${message.length - at} octets behind the message`)
  return {
    id: message.readUInt16BE(0),
    rcode: (upper << 4) | (flags & 15),
    flags: flagBits.filter(([, bit]) => flags & bit).map(([name]) => name),
    question,
    sections,
    opt,
  }
}
