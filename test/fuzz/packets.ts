import type { SeededRandom } from '../helpers/seeded-random.ts'
import { opt, option, query, type ReplyRecord, rdata, reply } from '../helpers/wire.ts'
import { ipv6Bytes } from '../helpers/zone-text.ts'

const names = [
  ...['example.com', 'www.example.com', 'bad.example', 'x.bad.example', 'a.b.c.d.e.f.example', 'localhost'],
  ...[
    'nas.lan',
    '1.0.0.127.in-addr.arpa',
    '_dns.resolver.arpa',
    'mask.icloud.com',
    'printer',
    'odd\\.dot.example',
  ],
  ...[
    'nul\\000.example',
    `${'l'.repeat(63)}.example`,
    `${`${'m'.repeat(60)}.`.repeat(4)}x`,
    'dns.bypass.example',
  ],
]
const types = [1, 28, 5, 16, 15, 33, 39, 64, 65, 2, 6, 12, 255, 251, 252, 250, 41, 65_280]

/** A query as a sane client sends it, of all kinds that there are. */
export function someQuery(random: SeededRandom): Buffer {
  const options = [
    Buffer.alloc(0),
    option(10, Buffer.alloc(8)),
    option(8, Buffer.from([0, 1, 24, 0, 192, 0, 2])),
    option(65_400),
    Buffer.concat([option(3), option(11), option(12, Buffer.alloc(40))]),
  ]
  const parts = {
    id: random.below(65_536),
    flags: 0x0100 | (random.chance(0.1) ? 0x10 : 0) | (random.chance(0.1) ? 0x20 : 0),
    name: random.pick(names),
    type: random.chance(0.6) ? random.pick([1, 28, 65]) : random.pick(types),
    class: random.chance(0.95) ? 1 : 3,
  }
  if (random.chance(0.4)) return query(parts)
  const edns = {
    size: random.pick([0, 512, 1232, 4096]),
    flags: random.pick([0, 0x8000]),
    options: random.pick(options),
  }
  return query({ ...parts, tail: opt({ ...edns, version: random.chance(0.95) ? 0 : 1 }) })
}

const recordMakers: readonly ((random: SeededRandom) => ReplyRecord)[] = [
  (random) => ({ type: 1, rdata: rdata.a(`192.0.2.${random.below(256)}`), ttl: random.below(1000) }),
  () => ({ type: 1, rdata: rdata.a('192.168.1.1') }),
  () => ({ type: 1, rdata: rdata.a('146.112.61.107') }),
  () => ({ type: 28, rdata: ipv6Bytes('2001:db8::1') }),
  () => ({ type: 28, rdata: ipv6Bytes('::ffff:10.0.0.1') }),
  (random) => ({ type: 5, rdata: rdata.name(random.pick(['example.net', 'x.bad.example', 'bad.example'])) }),
  () => ({ type: 5, rdata: Buffer.from([0xc0, 12]) }),
  () => ({ owner: 'example', type: 39, rdata: rdata.name('bad.example') }),
  () => ({ type: 65, rdata: rdata.svcb('bad.example') }),
  () => ({ type: 65, rdata: rdata.svcb('.', Buffer.from([0, 4, 0, 4, 10, 0, 0, 1])) }),
  () => ({ type: 64, rdata: rdata.svcb('.', Buffer.from([0, 6, 0, 16, ...ipv6Bytes('fd00::1')])) }),
  (random) => ({ type: 16, rdata: Buffer.alloc(1 + random.below(250), 120) }),
  () => ({ owner: 'example', type: 6, rdata: rdata.soa(60) }),
  () => ({ owner: 'elsewhere.example', type: 46, rdata: Buffer.alloc(96, 7) }),
  () => ({ type: 65_281, rdata: Buffer.from('c00cdeadbeef', 'hex') }),
]

const someRecords = (random: SeededRandom, most: number) =>
  Array.from({ length: random.below(most + 1) }, () => random.pick(recordMakers)(random))

/** What a resolver might answer to `asked`, sane but for what it says. */
export function someReply(asked: Buffer, random: SeededRandom): Buffer {
  const rcode = random.chance(0.7) ? 0 : random.pick([2, 3, 3, 5])
  const flags = 0x8180 | rcode | (random.chance(0.05) ? 0x200 : 0) | (random.chance(0.2) ? 0x20 : 0)
  const many = random.chance(0.05) ? 40 : 4
  const options = random.chance(0.1) ? option(15, Buffer.from([0, 6, 120, 120])) : Buffer.alloc(0)
  return reply(asked, {
    flags,
    answers: someRecords(random, many),
    authorities: someRecords(random, 2),
    additionals: someRecords(random, 2),
    ...(random.chance(0.8) && { opt: opt({ options }) }),
  })
}

/** Octets that mean something: ends, pointers, label types, the longest label. */
const telling = [0, 1, 12, 0x3f, 0x40, 0x41, 0x7f, 0x80, 0xc0, 0xc1, 0xff]

const mutations: readonly ((bytes: Buffer, random: SeededRandom) => Buffer)[] = [
  (bytes, random) => {
    bytes[random.below(bytes.length)]! ^= 1 << random.below(8)
    return bytes
  },
  (bytes, random) => {
    bytes[random.below(bytes.length)] = random.pick(telling)
    return bytes
  },
  (bytes, random) => {
    bytes[random.below(bytes.length)] = random.below(256)
    return bytes
  },
  // The counts and flags of the header are worth more than chance gives them.
  (bytes, random) => {
    bytes[random.below(Math.min(12, bytes.length))] = random.pick(telling)
    return bytes
  },
  (bytes, random) => Buffer.from(bytes.subarray(0, random.below(bytes.length + 1))),
  (bytes, random) => Buffer.concat([bytes, Buffer.alloc(1 + random.below(20), random.pick(telling))]),
  (bytes, random) => {
    const at = random.below(bytes.length)
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(random.below(bytes.length))])
  },
  (bytes, random) => {
    const at = random.below(bytes.length)
    return Buffer.concat([bytes.subarray(0, at), Buffer.from([0xc0, random.below(256)]), bytes.subarray(at)])
  },
]

/** One to four changes, or none now and then. */
export function mutated(packet: Buffer, random: SeededRandom): Buffer {
  let bytes = Buffer.from(packet)
  for (let left = random.below(5); left > 0 && bytes.length > 0; left--)
    bytes = Buffer.from(random.pick(mutations)(bytes, random))
  return bytes
}
