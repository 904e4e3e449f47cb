import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { connect } from 'node:tls'
import fc from 'fast-check'
import { beforeAll, describe, expect, it, test } from 'vitest'
import { parseHost } from '../../module/blockpage/target.ts'
import { nameOfHello } from '../../module/passthrough/client-hello.ts'

/** What OpenSSL sends first, one record. */
async function helloFor(servername: string | undefined): Promise<Buffer> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const accepted = once(server, 'connection')
  const client = connect({ port, host: '127.0.0.1', ...(servername && { servername }) })
  client.on('error', () => {})
  const [socket] = await accepted
  let bytes = Buffer.alloc(0)
  while (bytes.length < 5 || bytes.length < 5 + bytes.readUInt16BE(3)) {
    const [chunk] = await once(socket, 'data')
    bytes = Buffer.concat([bytes, chunk])
  }
  client.destroy()
  socket.destroy()
  server.close()
  return bytes
}

let real: Buffer
beforeAll(async () => {
  real = await helloFor('Shop.Example.COM')
})

const vector = (octets: number, body: Buffer) => {
  const length = Buffer.alloc(octets)
  length.writeUIntBE(body.length, 0, octets)
  return Buffer.concat([length, body])
}
const extension = (type: number, body: Buffer) =>
  Buffer.concat([Buffer.from([type >> 8, type & 255]), vector(2, body)])
const serverName = (name: string, type = 0) =>
  vector(2, Buffer.concat([Buffer.from([type]), vector(2, Buffer.from(name, 'latin1'))]))
const record = (fragment: Buffer, type = 22) =>
  Buffer.concat([Buffer.from([type, 3, 1]), vector(2, fragment)])

interface Parts {
  session?: Buffer
  extensions?: Buffer | null
  handshake?: number
}
/** A ClientHello of one's own making (RFC 8446 §4.1.2). */
function message({ session = Buffer.alloc(0), extensions = Buffer.alloc(0), handshake = 1 }: Parts): Buffer {
  const body = Buffer.concat([
    Buffer.from([3, 3]),
    Buffer.alloc(32, 7),
    vector(1, session),
    vector(2, Buffer.from([0x13, 0x01])),
    vector(1, Buffer.from([0])),
    ...(extensions ? [vector(2, extensions)] : []),
  ])
  return Buffer.concat([Buffer.from([handshake]), vector(3, body)])
}
const hello = (parts: Parts) => record(message(parts))

describe('the name in a ClientHello', () => {
  it('is read from what OpenSSL sends, in lower case', () => {
    expect(nameOfHello(real)).toEqual({ name: 'shop.example.com' })
  })

  it('is nobody without server_name', async () => {
    expect(nameOfHello(await helloFor(undefined))).toEqual({ name: null })
  })

  it('is not known before the last octet of the message, and does not change with what follows', () => {
    for (let length = 0; length < real.length; length++)
      expect([length, nameOfHello(real.subarray(0, length))]).toEqual([length, 'more'])
    const early = Buffer.concat([real, record(Buffer.from([1]), 20), Buffer.from([23, 3, 3])])
    expect(nameOfHello(early)).toEqual({ name: 'shop.example.com' })
  })

  it('is the same however the message is cut into records (RFC 8446 §5.1)', () => {
    const body = real.subarray(5)
    fc.assert(
      fc.property(fc.array(fc.nat(body.length), { maxLength: 20 }), (cuts) => {
        const at = [...new Set([0, ...cuts, body.length])].sort((a, b) => a - b)
        const records = at.slice(1).map((end, i) => record(body.subarray(at[i], end)))
        expect(nameOfHello(Buffer.concat(records))).toEqual({ name: 'shop.example.com' })
      }),
    )
  })

  const other = extension(16, Buffer.from([0, 3, 2, 104, 50]))
  test.each<[string, Parts, string | null]>([
    [
      'behind other extensions',
      { extensions: Buffer.concat([other, extension(0, serverName('a.example'))]) },
      'a.example',
    ],
    [
      'behind a session ID',
      { session: Buffer.alloc(32, 1), extensions: extension(0, serverName('a.example')) },
      'a.example',
    ],
    ['with a dot at the end', { extensions: extension(0, serverName('a.example.')) }, 'a.example'],
    ['no extensions at all', { extensions: null }, null],
    ['an unknown type of name', { extensions: extension(0, serverName('a.example', 1)) }, null],
    ['an empty name', { extensions: extension(0, serverName('')) }, null],
    ['an address', { extensions: extension(0, serverName('192.0.2.1')) }, null],
    ['an IPv6 address', { extensions: extension(0, serverName('2001:db8::1')) }, null],
    ['a port', { extensions: extension(0, serverName('a.example:443')) }, null],
    ['a NUL', { extensions: extension(0, serverName('a.example\0.b.example')) }, null],
    ['254 characters', { extensions: extension(0, serverName(`${'a.'.repeat(126)}aa`)) }, null],
    ['an empty extension', { extensions: extension(0, Buffer.alloc(0)) }, null],
    ['a list that says it is longer', { extensions: extension(0, Buffer.from([0, 99, 0, 0, 1, 97])) }, null],
    ['another handshake message', { handshake: 2, extensions: extension(0, serverName('a.example')) }, null],
  ])('%s', (_what, parts, name) => {
    expect(nameOfHello(hello(parts))).toEqual({ name })
  })

  test.each([
    ['HTTP', Buffer.from('G')],
    ['SSL 2', Buffer.from([0x80])],
    ['a record of no length', Buffer.from([22, 3, 1, 0, 0])],
    ['a record over 2^14 octets', Buffer.from([22, 3, 1, 0x40, 1])],
    ['a message over 2^14 octets', record(Buffer.from([1, 0, 0x40, 0]))],
    ['a version that is not 3.x', Buffer.from([22, 2])],
  ])('%s is told at once', (_what, bytes) => {
    expect(nameOfHello(bytes)).toEqual({ name: null })
  })

  const sane = (bytes: Buffer) => {
    const reading = nameOfHello(bytes)
    if (reading !== 'more' && reading.name !== null)
      expect(parseHost(reading.name)).toEqual({ kind: 'name', name: reading.name })
  }
  it('is a name or nothing, whatever the bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => sane(Buffer.from(bytes))))
    const framed = fc.uint8Array({ maxLength: 200 }).map((body) => record(Buffer.from(body)))
    fc.assert(fc.property(framed, sane))
  })

  it('is a name or nothing, whatever octets of a true one are changed or cut', () => {
    const change = fc.tuple(fc.nat(real.length - 1), fc.nat(255))
    fc.assert(
      fc.property(
        fc.array(change, { minLength: 1, maxLength: 6 }),
        fc.nat(real.length),
        (changes, length) => {
          const bytes = Buffer.from(real)
          for (const [at, octet] of changes) bytes[at] = octet
          sane(bytes)
          sane(bytes.subarray(0, length))
        },
      ),
      { numRuns: 2000 },
    )
  })
})
