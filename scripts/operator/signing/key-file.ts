import { createCipheriv, createDecipheriv, randomBytes, scryptSync } from 'node:crypto'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { codeOf, messageOf, SecureNetError } from '../../../module/base/error.ts'
import { fileNotWritten } from '../exit.ts'
import { type HeldKey, type PrivateJwk, privateJwkOf, signingKeyOf } from './signing-key.ts'

/** 32 MB and some 0.1 s for each guess (RFC 7914 §2). */
const cost = { N: 32_768, r: 8, p: 1 }
const maxmem = 64 * 1024 * 1024

interface PlainFile {
  v: 1
  kid: string
  jwk: PrivateJwk
}

interface EncryptedFile {
  v: 1
  kid: string
  encryption: 'scrypt+aes-256-gcm'
  N: number
  r: number
  p: number
  salt: string
  iv: string
  tag: string
  ciphertext: string
}

function fileError(path: string, why: string, cause?: unknown): SecureNetError {
  const remedy = 'Restore the file from its back-up, or rotate the role’s key.'
  return new SecureNetError('SIGN_KEY_FILE', `${path}: ${why}`, remedy, { cause })
}

function encrypt(key: HeldKey, passphrase: string): EncryptedFile {
  const { kid } = key.publicKey
  const salt = randomBytes(16)
  const iv = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', scryptSync(passphrase, salt, 32, { ...cost, maxmem }), iv)
  cipher.setAAD(Buffer.from(kid))
  const text = JSON.stringify(privateJwkOf(key))
  const ciphertext = Buffer.concat([cipher.update(text), cipher.final()]).toString('base64url')
  const [saltText, ivText, tag] = [salt, iv, cipher.getAuthTag()].map((bytes) => bytes.toString('base64url'))
  return {
    v: 1,
    kid,
    encryption: 'scrypt+aes-256-gcm',
    ...cost,
    salt: String(saltText),
    iv: String(ivText),
    tag: String(tag),
    ciphertext,
  }
}

function decrypt(path: string, file: EncryptedFile, passphrase: string | undefined): PrivateJwk {
  if (passphrase === undefined)
    throw new SecureNetError(
      'SIGN_PASSPHRASE_NEEDED',
      `${path} is encrypted`,
      'Give the passphrase of the key folder.',
    )
  const bytes = (text: string) => Buffer.from(text, 'base64url')
  const { N, r, p } = file
  try {
    const key = scryptSync(passphrase, bytes(file.salt), 32, { N, r, p, maxmem })
    // A shortened tag would be easier to forge (NIST SP 800-38D §5.2.1.2).
    const decipher = createDecipheriv('aes-256-gcm', key, bytes(file.iv), { authTagLength: 16 })
    decipher.setAAD(Buffer.from(file.kid))
    decipher.setAuthTag(bytes(file.tag))
    return JSON.parse(Buffer.concat([decipher.update(bytes(file.ciphertext)), decipher.final()]).toString())
  } catch (error) {
    throw new SecureNetError(
      'SIGN_BAD_PASSPHRASE',
      `${path}: the passphrase is wrong, or the file is damaged`,
      'Try again with the passphrase of the key folder.',
      { cause: error },
    )
  }
}

/** Never overwrites; mode 600. */
export async function writeKeyFile(path: string, key: HeldKey, passphrase?: string): Promise<void> {
  const plain: PlainFile = { v: 1, kid: key.publicKey.kid, jwk: privateJwkOf(key) }
  const content = passphrase === undefined ? plain : encrypt(key, passphrase)
  try {
    await writeFile(path, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600, flag: 'wx', flush: true })
  } catch (error) {
    throw codeOf(error) === 'EEXIST' ? error : fileNotWritten(path, error)
  }
}

/**
 * @throws SecureNetError SIGN_KEY_MODE, SIGN_KEY_FILE, SIGN_PASSPHRASE_NEEDED, SIGN_BAD_PASSPHRASE
 */
export async function readKeyFile(path: string, passphrase?: string): Promise<HeldKey> {
  const { mode } = await stat(path)
  if ((mode & 0o077) !== 0)
    throw new SecureNetError(
      'SIGN_KEY_MODE',
      `${path} can be read by others (mode ${(mode & 0o777).toString(8)})`,
      `chmod 600 ${path}; if somebody may have read it, rotate the key.`,
    )
  let file: PlainFile | EncryptedFile
  try {
    file = JSON.parse(await readFile(path, 'utf8'))
    if (file.v !== 1) throw new Error('not a key file of version 1')
  } catch (error) {
    throw fileError(path, messageOf(error), error)
  }
  const jwk = 'encryption' in file ? decrypt(path, file, passphrase) : file.jwk
  let key: HeldKey
  try {
    key = signingKeyOf(jwk)
  } catch (error) {
    throw fileError(path, messageOf(error), error)
  }
  if (key.publicKey.kid !== file.kid) throw fileError(path, 'it holds another key than it says')
  return key
}
