import { createHmac, sign } from 'node:crypto'
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { roleOf, sizeLimits } from '../../../module/control/documents/kinds.ts'
import { parseStrictJson } from '../../../module/control/documents/strict-json.ts'
import type { Trust } from '../../../module/control/documents/trust.ts'
import { type RoleKind, verifyDocument } from '../../../module/control/documents/verify.ts'
import { signBytes, signDocument } from '../../../scripts/operator/signing/sign-document.ts'
import { generateSigningKey, type HeldKey } from '../../../scripts/operator/signing/signing-key.ts'
import {
  bytesOf,
  freshSigners,
  keysPayload,
  now,
  type Signers,
  samples,
  setOf,
  target,
  trustOf,
} from '../signers.ts'

const kinds = ['desired', 'head', 'request', 'fleet'] as const
let signers: Signers
let trust: Trust
beforeAll(async () => {
  signers = freshSigners()
  trust = await trustOf(signers)
})

const verify = (kind: RoleKind, jws: string | Uint8Array, more: object = {}) =>
  verifyDocument(kind, typeof jws === 'string' ? bytesOf(jws) : jws, { trust, target, now, ...more })
const refused = (code: string) => expect.objectContaining({ name: 'SecureNetError', code })
const b64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
const signer = (kind: RoleKind) => signers[roleOf[kind]][0]!
const json = (data: unknown) => bytesOf(JSON.stringify(data))

/** A compact JWS with any header, signed rightly. */
function withHeader(
  header: object,
  key: HeldKey = signers.line[0]!,
  payload: unknown = samples.desired,
): string {
  const input = `${b64(header)}.${b64(payload)}`
  return `${input}.${sign(null, Buffer.from(input), key.privateKey).toString('base64url')}`
}
const goodHeader = () => ({ alg: 'EdDSA', kid: signers.line[0]!.publicKey.kid, typ: 'securenet-desired+jws' })

describe('accepted', () => {
  it.each(kinds)('%s, by its role', async (kind) => {
    const jws = await signDocument(kind, samples[kind], [signer(kind)])
    expect(await verify(kind, jws)).toEqual({ payload: samples[kind], epoch: 1 })
  })

  it('the fully specified algorithm name, and general JSON with one signature', async () => {
    expect((await verify('desired', withHeader({ ...goodHeader(), alg: 'Ed25519' }))).payload).toEqual(
      samples.desired,
    )
    const [header, payload, signature] = withHeader(goodHeader()).split('.')
    const general = JSON.stringify({ payload, signatures: [{ protected: header, signature }] })
    expect((await verify('desired', general)).payload).toEqual(samples.desired)
  })

  it('an expired head: its age is reported, never a reason to drop a list', async () => {
    const jws = await signDocument('head', samples.head, [signer('head')])
    await expect(verify('head', jws, { now: now + 1e7 })).resolves.toBeDefined()
  })
})

describe('refused', () => {
  it.each(kinds)('%s, by every key but its role’s', async (kind) => {
    for (const place of ['roots', 'line', 'list', 'request', 'fleet'] as const) {
      if (place === roleOf[kind]) continue
      const jws = await signDocument(kind, samples[kind], signers[place])
      await expect(verify(kind, jws)).rejects.toEqual(refused('DOC_WRONG_ROLE'))
    }
    const jws = await signDocument(kind, samples[kind], [generateSigningKey()])
    await expect(verify(kind, jws)).rejects.toEqual(refused('DOC_UNKNOWN_KEY'))
  })

  it.each(kinds)('a %s given out as any other kind', async (kind) => {
    const jws = await signDocument(kind, samples[kind], [signer(kind)])
    for (const other of kinds)
      if (other !== kind) await expect(verify(other, jws)).rejects.toEqual(refused('DOC_WRONG_TYP'))
    await expect(trust.accept(bytesOf(jws))).rejects.toEqual(refused('DOC_WRONG_TYP'))
  })

  it.each([
    ['desired', { lineId: 'other' }],
    ['head', { list: 'other' }],
    ['request', { modemId: 'other' }],
    ['desired', {}],
  ] as const)('a %s for somebody else than %j', async (kind, addressee) => {
    const jws = await signDocument(kind, samples[kind], [signer(kind)])
    await expect(verify(kind, jws, { target: addressee })).rejects.toEqual(refused('DOC_NOT_FOR_US'))
  })

  it('a request that expired, or that would live for more than a day', async () => {
    const jws = await signDocument('request', samples.request, signers.request)
    await expect(verify('request', jws, { now: now + 60 })).rejects.toEqual(refused('DOC_EXPIRED'))
    for (const expires of [now, now - 1, now + 86_401]) {
      const other = await signDocument('request', { ...samples.request, expires }, signers.request)
      await expect(verify('request', other, { now: 0 })).rejects.toEqual(refused('DOC_SCHEMA'))
    }
  })

  it('an order older than the signed greatest age', async () => {
    const keys = keysPayload(1, signers)
    const roles = { ...keys.roles, line: { ...keys.roles.line, maxAge: 1000 } }
    const strict = await trustOf(signers, { ...keys, roles })
    const jws = await signDocument('desired', samples.desired, signers.line)
    await expect(verify('desired', jws, { trust: strict, now: now + 1000 })).resolves.toBeDefined()
    await expect(verify('desired', jws, { trust: strict, now: now + 1001 })).rejects.toEqual(
      refused('DOC_TOO_OLD'),
    )
  })

  it('everything before the first keys document', async () => {
    const jws = await signDocument('desired', samples.desired, signers.line)
    const none = { role: () => undefined, placeOf: () => undefined }
    await expect(verify('desired', jws, { trust: none })).rejects.toEqual(refused('DOC_NO_KEYS'))
  })

  it.each([
    ['alg none', { alg: 'none' }, 'DOC_BAD_HEADER'],
    ['alg HS256', { alg: 'HS256' }, 'DOC_BAD_HEADER'],
    ['alg ES256', { alg: 'ES256' }, 'DOC_BAD_HEADER'],
    ['no alg', { alg: undefined }, 'DOC_BAD_HEADER'],
    ['no kid', { kid: undefined }, 'DOC_BAD_HEADER'],
    ['kid is a number', { kid: 1 }, 'DOC_BAD_HEADER'],
    ['unknown crit', { crit: ['exp'], exp: 1 }, 'DOC_BAD_HEADER'],
    ['unencoded payload', { crit: ['b64'], b64: false }, 'DOC_BAD_HEADER'],
    ['jku', { jku: 'https://evil.example/keys' }, 'DOC_BAD_HEADER'],
    ['x5c', { x5c: ['AAAA'] }, 'DOC_BAD_HEADER'],
    ['x5u', { x5u: 'https://evil.example/' }, 'DOC_BAD_HEADER'],
    ['typ JWT', { typ: 'JWT' }, 'DOC_WRONG_TYP'],
    ['no typ', { typ: undefined }, 'DOC_WRONG_TYP'],
    ['typ in capitals', { typ: 'SECURENET-DESIRED+JWS' }, 'DOC_WRONG_TYP'],
  ])('header: %s', async (_, change, code) => {
    await expect(verify('desired', withHeader({ ...goodHeader(), ...change }))).rejects.toEqual(refused(code))
  })

  it('a key that the document brings along', async () => {
    const thief = generateSigningKey()
    for (const header of [
      { ...goodHeader(), jwk: thief.publicKey },
      { ...goodHeader(), jwk: thief.publicKey, kid: thief.publicKey.kid },
    ])
      await expect(verify('desired', withHeader(header, thief))).rejects.toEqual(refused('DOC_BAD_HEADER'))
    await expect(verify('desired', withHeader(goodHeader(), thief))).rejects.toEqual(
      refused('DOC_BAD_SIGNATURE'),
    )
  })

  it('HS256 with the public key as secret, unsigned, and a stripped signature', async () => {
    const input = `${b64({ ...goodHeader(), alg: 'HS256' })}.${b64(samples.desired)}`
    const secret = Buffer.from(signers.line[0]!.publicKey.x, 'base64url')
    const mac = createHmac('sha256', secret).update(input).digest('base64url')
    await expect(verify('desired', `${input}.${mac}`)).rejects.toEqual(refused('DOC_BAD_HEADER'))
    const unsigned = `${b64({ ...goodHeader(), alg: 'none' })}.${b64(samples.desired)}.`
    await expect(verify('desired', unsigned)).rejects.toEqual(refused('DOC_NOT_JWS'))
    const stripped = withHeader(goodHeader()).replace(/\.[^.]*$/, '.')
    await expect(verify('desired', stripped)).rejects.toEqual(refused('DOC_NOT_JWS'))
    const short = withHeader(goodHeader()).replace(/\.[^.]*$/, '.AAAA')
    await expect(verify('desired', short)).rejects.toEqual(refused('DOC_BAD_SIGNATURE'))
  })

  it.each(kinds)('%s that is too large, before anything is read', async (kind) => {
    const bytes = Buffer.alloc(sizeLimits[kind] + 1, 'a')
    await expect(verify(kind, bytes)).rejects.toEqual(refused('DOC_TOO_LARGE'))
  })

  it.each([
    ['not JSON', '{'],
    ['a name twice', '{"v":1,"v":1}'],
    ['a name twice, once escaped', '{"a":1,"\\u0061":2}'],
    ['not UTF-8', Buffer.from([0x22, 0xff, 0x22])],
    ['a byte order mark', '\ufeff{}'],
  ])('signed payload: %s', async (_, payload) => {
    const jws = await signBytes('desired', Buffer.from(payload), signers.line)
    await expect(verify('desired', jws)).rejects.toEqual(refused('DOC_NOT_JSON'))
  })

  it.each<[string, RoleKind, object]>([
    ['unknown member', 'desired', { extra: 1 }],
    ['__proto__', 'desired', JSON.parse('{"__proto__":{"service":"enabled"}}')],
    ['another version', 'desired', { v: 2 }],
    ['generation 0', 'desired', { generation: 0 }],
    ['a fraction', 'desired', { sequence: 1.5 }],
    ['beyond safe integers', 'desired', { sequence: 2 ** 53 }],
    ['service dormant', 'desired', { service: 'dormant' }],
    ['reason of another service', 'desired', { reason: 'maintenance' }],
    ['until without suspension', 'desired', { until: now + 10 }],
    // biome-ignore lint/suspicious/noThenProperty: the contract's own name
    ['then without until', 'desired', { service: 'suspended', reason: 'maintenance', then: 'enabled' }],
    ['until before issuedAt', 'desired', { service: 'suspended', reason: 'maintenance', until: now }],
    ['a hostile line id', 'desired', { lineId: '../x' }],
    ['a wildcard line id', 'desired', { lineId: '+' }],
    ['a fleet order that adds protection', 'fleet', { mode: 'enable' }],
    ['pause without salt', 'fleet', { salt: undefined }],
    ['110 percent', 'fleet', { percent: 110 }],
    ['run with a percentage', 'fleet', { mode: 'run' }],
    ['unknown action', 'request', { action: 'shell' }],
    ['check-name without name', 'request', { action: 'check-name' }],
    ['name without check-name', 'request', { name: 'a.example' }],
    ['a short nonce', 'request', { nonce: 'n' }],
    ['unknown member in a release', 'head', { stable: { ...samples.head.stable, extra: 1 } }],
    ['hash key in capitals', 'head', { stable: { ...samples.head.stable, key: '0123456789ABCDEF' } }],
  ])('schema: %s (%s)', async (_, kind, change) => {
    const payload: object = { ...samples[kind] }
    for (const [name, value] of Object.entries(change))
      Object.defineProperty(payload, name, { value, enumerable: true, configurable: true, writable: true })
    const jws = await signBytes(kind, json(payload), [signer(kind)])
    await expect(verify(kind, jws)).rejects.toEqual(refused('DOC_SCHEMA'))
  })
})

describe('several signatures', () => {
  const three = [generateSigningKey(), generateSigningKey(), generateSigningKey()]
  let strict: Trust
  beforeAll(async () => {
    const keys = keysPayload(1, signers)
    strict = await trustOf(signers, { ...keys, roles: { ...keys.roles, line: setOf(three, 2) } })
  })
  const check = (jws: string) => verify('desired', jws, { trust: strict })
  const [a, b, c] = three as [HeldKey, HeldKey, HeldKey]

  it('two of three are enough, with a stranger’s beside them; one twice is one', async () => {
    await expect(check(await signDocument('desired', samples.desired, [a, c]))).resolves.toBeDefined()
    const withStranger = await signDocument('desired', samples.desired, [generateSigningKey(), a, b])
    await expect(check(withStranger)).resolves.toBeDefined()
    for (const few of [[a], [a, a], [a, generateSigningKey()]])
      await expect(check(await signDocument('desired', samples.desired, few))).rejects.toEqual(
        refused('DOC_TOO_FEW_SIGNATURES'),
      )
  })

  it('a wrong signature by a key of the role refuses the whole', async () => {
    const good = JSON.parse(await signDocument('desired', samples.desired, [a, b]))
    const other = JSON.parse(await signDocument('desired', { ...samples.desired, sequence: 9 }, [a, c]))
    good.signatures.push(other.signatures[1])
    await expect(check(JSON.stringify(good))).rejects.toEqual(refused('DOC_BAD_SIGNATURE'))
  })

  it.each<[string, (doc: any) => unknown]>([
    [
      'an unprotected header',
      (doc) => ({ ...doc, signatures: doc.signatures.map((s: any) => ({ ...s, header: {} })) }),
    ],
    ['a member more', (doc) => ({ ...doc, extra: 1 })],
    ['no signature', (doc) => ({ ...doc, signatures: [] })],
    ['seventeen', (doc) => ({ ...doc, signatures: Array(17).fill({ protected: 'e30', signature: 'AA' }) })],
    ['not strings', (doc) => ({ ...doc, signatures: [{ protected: 1, signature: 2 }] })],
    ['flattened', (doc) => ({ payload: doc.payload, ...doc.signatures[0] })],
    ['null', (doc) => ({ ...doc, signatures: [null] })],
  ])('general JSON with %s', async (_, change) => {
    const doc = JSON.parse(await signDocument('desired', samples.desired, [a, b]))
    await expect(check(JSON.stringify(change(doc)))).rejects.toEqual(refused('DOC_NOT_JWS'))
  })
})

describe('whatever bytes come', () => {
  it('random ones are refused with a code', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), fc.constantFrom(...kinds), async (bytes, kind) => {
        await expect(verify(kind, bytes)).rejects.toMatchObject({ code: expect.stringMatching(/^DOC_/) })
      }),
    )
  })

  it('random JSON in the place of a general JWS too', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.dictionary(fc.constantFrom('payload', 'signatures', 'x'), fc.jsonValue()),
        async (doc) => {
          await expect(verify('desired', json(doc))).rejects.toMatchObject({
            code: expect.stringMatching(/^DOC_/),
          })
        },
      ),
    )
  })

  it.each(['compact', 'general'])(
    'a good %s document with any byte changed, added or taken out',
    async (form) => {
      const [header, payload, signature] = withHeader(goodHeader()).split('.')
      const general = JSON.stringify({ payload, signatures: [{ protected: header, signature }] })
      const good = bytesOf(form === 'compact' ? `${header}.${payload}.${signature}` : general)
      const edit = fc.record({
        at: fc.nat(good.length),
        drop: fc.nat(2),
        insert: fc.uint8Array({ maxLength: 2 }),
      })
      await fc.assert(
        fc.asyncProperty(edit, async ({ at, drop, insert }) => {
          const bad = Buffer.concat([good.subarray(0, at), insert, good.subarray(at + drop)])
          fc.pre(!bad.equals(good))
          // White space between the tokens of general JSON is the one change that means nothing.
          fc.pre(form === 'compact' || insert.every((byte) => ![0x20, 0x09, 0x0a, 0x0d].includes(byte)))
          await expect(verify('desired', bad)).rejects.toMatchObject({ code: expect.stringMatching(/^DOC_/) })
        }),
        { numRuns: 600 },
      )
    },
  )

  it('the last character of the signature in each other spelling of the same bytes', async () => {
    const good = withHeader(goodHeader())
    for (const char of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=')
      if (!good.endsWith(char)) await expect(verify('desired', good.slice(0, -1) + char)).rejects.toThrow()
    await expect(verify('desired', `${good}\n`)).rejects.toEqual(refused('DOC_NOT_JWS'))
  })
})

describe('parseStrictJson', () => {
  it('reads what JSON.parse reads, if no name is twice', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(parseStrictJson(json(value))).toEqual(JSON.parse(JSON.stringify(value)))
      }),
    )
  })
  it.each(['[{"a":1,"b":{"c":1,"c":2}}]', '{"a":[1,{"b":1}],"a":1}', '{"":1,"":2}', '{"{":1,"{":2}'])(
    'refuses %s',
    (text) => {
      expect(() => parseStrictJson(bytesOf(text))).toThrow(/twice/)
    },
  )
  it.each(['{"a":{"a":1},"b":"a","c":["a","a"]}', '{"a":"}","b":"\\"a\\":"}'])('reads %s', (text) => {
    expect(parseStrictJson(bytesOf(text))).toEqual(JSON.parse(text))
  })
})
