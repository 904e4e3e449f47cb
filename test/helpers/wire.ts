import { nameFromText } from '../../module/dns/name.ts'

export interface QueryParts {
  id?: number
  flags?: number
  name?: string
  type?: number
  class?: number
  counts?: [number, number, number, number]
  /** Records behind the question, as bytes. */
  tail?: Buffer
}

export const RD = 0x0100

function words(...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 2)
  for (const [i, value] of values.entries()) bytes.writeUInt16BE(value & 0xffff, i * 2)
  return bytes
}

function wireName(text: string): Buffer {
  const name = nameFromText(text)
  if (!name) throw new Error(`not a name: ${text}`)
  return name
}

/** An OPT record. */
export function opt({
  size = 1232,
  version = 0,
  flags = 0,
  rcode = 0,
  options = Buffer.alloc(0) as Buffer,
  owner = Buffer.of(0) as Buffer,
} = {}): Buffer {
  return Buffer.concat([
    owner,
    words(41, size),
    Buffer.of(rcode, version),
    words(flags, options.length),
    options,
  ])
}

export function option(code: number, data: Buffer | string = ''): Buffer {
  const bytes = Buffer.from(data)
  return Buffer.concat([words(code, bytes.length), bytes])
}

/** A query as a client sends it; the question's capitals are kept. */
export function query({
  id = 0x1234,
  flags = RD,
  name = 'example.com',
  type = 1,
  class: cls = 1,
  counts,
  tail,
}: QueryParts = {}): Buffer {
  const additionals = tail && !counts ? 1 : 0
  const lower = wireName(name)
  const spelled = Buffer.from(lower)
  let text = 0
  for (let at = 0; lower[at] !== 0; at += lower[at]! + 1, text++) {
    for (let i = 1; i <= lower[at]!; i++, text++)
      spelled[at + i] = name.includes('\\') ? lower[at + i]! : name.charCodeAt(text)
  }
  return Buffer.concat([
    words(id, flags, ...(counts ?? [1, 0, 0, additionals])),
    spelled,
    words(type, cls),
    tail ?? Buffer.alloc(0),
  ])
}

export interface ReplyRecord {
  /** Left out: the question's name. */
  owner?: string
  type: number
  ttl?: number
  class?: number
  rdata: Buffer
}

function record({ owner, type, ttl = 300, class: cls = 1, rdata }: ReplyRecord): Buffer {
  const name = owner === undefined ? Buffer.of(0xc0, 12) : wireName(owner)
  return Buffer.concat([name, words(type, cls, ttl >>> 16, ttl, rdata.length), rdata])
}

export interface ReplyParts {
  flags?: number
  answers?: ReplyRecord[]
  authorities?: ReplyRecord[]
  additionals?: ReplyRecord[]
  opt?: Buffer
}

/** The reply of an upstream to `asked` (its question copied). */
export function reply(
  asked: Buffer,
  { flags = 0x8180, answers = [], authorities = [], additionals = [], opt: optRecord }: ReplyParts = {},
): Buffer {
  let end = 12
  while (asked[end] !== 0) end += asked[end]! + 1
  end += 5
  const extra = optRecord ? 1 : 0
  return Buffer.concat([
    asked.subarray(0, 2),
    words(flags, 1, answers.length, authorities.length, additionals.length + extra),
    asked.subarray(12, end),
    ...[...answers, ...authorities, ...additionals].map(record),
    optRecord ?? Buffer.alloc(0),
  ])
}

export const rdata = {
  a: (address: string) => Buffer.from(address.split('.').map(Number)),
  name: wireName,
  soa: (minimum: number) =>
    Buffer.concat([
      wireName('ns.example'),
      wireName('admin.example'),
      Buffer.alloc(16),
      words(minimum >>> 16, minimum),
    ]),
  svcb: (target: string, params = Buffer.alloc(0)) => Buffer.concat([words(1), wireName(target), params]),
}

/** The header's figures of a reply. */
export function header(message: Buffer) {
  const flags = message.readUInt16BE(2)
  return {
    id: message.readUInt16BE(0),
    flags,
    rcode: flags & 15,
    tc: (flags & 0x200) !== 0,
    ad: (flags & 0x20) !== 0,
    questions: message.readUInt16BE(4),
    answers: message.readUInt16BE(6),
    authorities: message.readUInt16BE(8),
    additionals: message.readUInt16BE(10),
  }
}
