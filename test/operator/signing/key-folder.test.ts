import { chmod, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { verifyDocument } from '../../../module/control/documents/verify.ts'
import { readKeyFile, writeKeyFile } from '../../../scripts/operator/signing/key-file.ts'
import { KeyFolder } from '../../../scripts/operator/signing/key-folder.ts'
import { signDocument } from '../../../scripts/operator/signing/sign-document.ts'
import { generateSigningKey } from '../../../scripts/operator/signing/signing-key.ts'
import { bytesOf, newTrust, now, samples, target } from '../../control/signers.ts'

const refused = (code: string) => expect.objectContaining({ name: 'SecureNetError', code })
let base: string
let folder: string
beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'securenet-keys-'))
  folder = join(base, 'keys')
})
afterEach(() => rm(base, { recursive: true }))

async function modemOf(keys: KeyFolder) {
  const { trust } = newTrust(keys.roots)
  for (const { jws } of keys.documents) await trust.accept(bytesOf(jws))
  return trust
}

describe('KeyFolder', () => {
  it('makes what a modem accepts, and signs every kind', async () => {
    const keys = await KeyFolder.create(folder, { now })
    const trust = await modemOf(keys)
    for (const kind of ['desired', 'head', 'request', 'fleet'] as const) {
      const jws = await keys.sign(kind, samples[kind])
      const verified = await verifyDocument(kind, bytesOf(jws), { trust, target, now })
      expect(verified.payload).toEqual(samples[kind])
    }
  })

  it('keeps private keys to their owner, and says so if they are not', async () => {
    const keys = await KeyFolder.create(folder, { now })
    const files = (await readdir(folder)).filter((name) => /^[\w-]{43}\.json$/.test(name))
    expect(files).toHaveLength(5)
    for (const name of files) expect((await stat(join(folder, name))).mode & 0o777).toBe(0o600)
    const open = join(folder, `${keys.current.roles.line.keys[0]!.kid}.json`)
    await chmod(open, 0o640)
    await expect(keys.sign('desired', samples.desired)).rejects.toEqual(refused('SIGN_KEY_MODE'))
  })

  it('thresholds: 2 of 3 roots, 2 of 2 line keys; a root that lies elsewhere is not needed', async () => {
    const keys = await KeyFolder.create(folder, {
      now,
      rootKeys: 3,
      rootThreshold: 2,
      roleSets: { line: { keys: 2, threshold: 2 } },
    })
    await rename(join(folder, `${keys.current.roots.keys[0]!.kid}.json`), join(base, 'offline.json'))
    const reopened = await KeyFolder.open(folder)
    await reopened.rotate({ replace: ['line'], now })
    expect(reopened.current.roles.line).toMatchObject({ threshold: 2, keys: [{}, {}] })
    const trust = await modemOf(reopened)
    const jws = await reopened.sign('desired', samples.desired)
    expect(JSON.parse(jws).signatures).toHaveLength(2)
    await expect(verifyDocument('desired', bytesOf(jws), { trust, target, now })).resolves.toBeDefined()
    await rm(join(folder, `${keys.current.roots.keys[1]!.kid}.json`))
    await expect((await KeyFolder.open(folder)).rotate({ replace: ['list'], now })).rejects.toEqual(
      refused('SIGN_NO_KEY'),
    )
  })

  it('rotates roles and roots; the old keys are out of use and a sleeping modem gets there', async () => {
    const keys = await KeyFolder.create(folder, { now, rootKeys: 2, rootThreshold: 2 })
    const before = await keys.sign('desired', samples.desired)
    expect((await keys.rotate({ replace: ['line'], now })).number).toBe(2)
    await keys.rotate({ replace: ['roots'], now, expires: now + 9 })
    await keys.rotate({ replace: ['roots', 'line', 'list', 'request', 'fleet'], now })
    const reopened = await KeyFolder.open(folder)
    expect(reopened.current.number).toBe(4)
    expect(reopened.documents.map(({ number }) => number)).toEqual([1, 2, 3, 4])
    expect(await readdir(join(folder, 'retired'))).toHaveLength(1 + 2 + 2 + 4)
    const trust = await modemOf(reopened)
    expect(trust.number).toBe(4)
    const context = { trust, target, now }
    await expect(verifyDocument('desired', bytesOf(before), context)).rejects.toEqual(
      refused('DOC_UNKNOWN_KEY'),
    )
    const jws = await reopened.sign('desired', samples.desired)
    expect((await verifyDocument('desired', bytesOf(jws), context)).epoch).toBe(4)
  })

  it('encrypted at rest: nothing private in the files, and the passphrase is needed', async () => {
    const made = await KeyFolder.create(folder, { now, passphrase: 'correct horse' })
    const { kid } = made.current.roles.line.keys[0]!
    expect(await readFile(join(folder, `${kid}.json`), 'utf8')).not.toMatch(/"d"|jwk/)
    await (await KeyFolder.open(folder, 'correct horse')).sign('desired', samples.desired)
    const without = await KeyFolder.open(folder)
    await expect(without.sign('desired', samples.desired)).rejects.toEqual(refused('SIGN_PASSPHRASE_NEEDED'))
    const wrong = await KeyFolder.open(folder, 'battery staple')
    await expect(wrong.sign('desired', samples.desired)).rejects.toEqual(refused('SIGN_BAD_PASSPHRASE'))
  })

  it('never overwrites keys, and says where there are none', async () => {
    await KeyFolder.create(folder, { now })
    await expect(KeyFolder.create(folder, { now })).rejects.toEqual(refused('SIGN_FOLDER_EXISTS'))
    await expect(KeyFolder.open(join(base, 'none'))).rejects.toEqual(refused('SIGN_NO_FOLDER'))
    await rm(join(folder, 'keys-1.jws'))
    await expect(KeyFolder.open(folder)).rejects.toEqual(refused('SIGN_NO_FOLDER'))
  })
})

describe('key file', () => {
  it('a file that holds another key than it says, or none', async () => {
    const [a, b] = [generateSigningKey(), generateSigningKey()]
    for (const name of ['a', 'b']) await writeKeyFile(join(base, name), name === 'a' ? a : b)
    const mixed = { ...JSON.parse(await readFile(join(base, 'a'), 'utf8')), kid: b.publicKey.kid }
    for (const text of [JSON.stringify(mixed), '', '{}', '{"v":1,"jwk":{}}']) {
      await writeFile(join(base, 'a'), text)
      await expect(readKeyFile(join(base, 'a'))).rejects.toEqual(refused('SIGN_KEY_FILE'))
    }
    await expect(writeKeyFile(join(base, 'b'), a)).rejects.toMatchObject({ code: 'EEXIST' })
  })

  it('a ciphertext moved under another name, or with a short tag', async () => {
    const path = join(base, 'k')
    await writeKeyFile(path, generateSigningKey(), 'p')
    const file = JSON.parse(await readFile(path, 'utf8'))
    for (const change of [
      { kid: generateSigningKey().publicKey.kid },
      { tag: file.tag.slice(0, 6) },
      { N: 3 },
    ]) {
      await writeFile(path, JSON.stringify({ ...file, ...change }))
      await expect(readKeyFile(path, 'p')).rejects.toEqual(refused('SIGN_BAD_PASSPHRASE'))
    }
  })
})

describe('signDocument', () => {
  it('does not sign what a modem would refuse', async () => {
    const key = generateSigningKey()
    const bad = { ...samples.desired, generation: 0 }
    await expect(signDocument('desired', bad, [key])).rejects.toEqual(refused('DOC_SCHEMA'))
    await expect(signDocument('desired', samples.desired, [])).rejects.toEqual(refused('SIGN_NO_KEY'))
    const allow = Array.from({ length: 1000 }, (_, i) => `${'a'.repeat(60)}.${i}.example`)
    await expect(signDocument('head', { ...samples.head, allow }, [key])).rejects.toEqual(
      refused('DOC_TOO_LARGE'),
    )
  })
})
