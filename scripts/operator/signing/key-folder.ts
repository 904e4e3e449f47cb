import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { codeOf, SecureNetError } from '../../../module/base/error.ts'
import {
  type DocumentKind,
  type Keys,
  type Payloads,
  type Role,
  type RoleKeys,
  type RootSet,
  type RootsFile,
  roleOf,
  roles,
} from '../../../module/control/documents/kinds.ts'
import { parseRootsFile } from '../../../module/control/documents/roots.ts'
import { fileNotWritten } from '../exit.ts'
import { readKeyFile, writeKeyFile } from './key-file.ts'
import {
  allKids,
  freshFor,
  type GivenKeys,
  heldBy,
  type KeyAgent,
  type KeysDocument,
  keysPayload,
  payloadOf,
  publicKeys,
} from './key-sets.ts'
import { makeKeysDocument, makeRootsFile, signDocument } from './sign-document.ts'
import type { SigningKey } from './signing-key.ts'

export interface CreateOptions {
  /** Encrypts every private key at rest. */
  passphrase?: string
  /** @default 1 root key, 1 signature */
  rootKeys?: number
  rootThreshold?: number
  /** @default 1 key and 1 signature for each role */
  roleSets?: Partial<Record<Role, { keys: number; threshold: number }>>
  /** Seconds since 1970. */
  now: number
  /** Of keys/1; seconds since 1970. */
  expires?: number
  given?: GivenKeys
  agent?: KeyAgent
}

export interface RotateOptions {
  /** All keys of these are replaced by as many fresh ones, or by given ones. */
  replace: readonly (Role | 'roots')[]
  given?: GivenKeys
  now: number
  expires?: number
}

const documentName = /^keys-(\d+)\.jws$/

async function replaceFile(path: string, text: string): Promise<void> {
  try {
    await writeFile(`${path}.tmp`, text, { mode: 0o644, flush: true })
    await rename(`${path}.tmp`, path)
  } catch (error) {
    throw fileNotWritten(path, error)
  }
}

async function keysDocuments(folder: string): Promise<KeysDocument[]> {
  const found: KeysDocument[] = []
  for (const name of await readdir(folder)) {
    const number = Number(documentName.exec(name)?.[1])
    if (number >= 1) found.push({ number, jws: await readFile(join(folder, name), 'utf8') })
  }
  return found.sort((a, b) => a.number - b.number)
}

/**
 * The operator's keys: `<kid>.json` private keys (mode 600), `roots.json` for the firmware, `keys-<n>.jws` for the broker. The
 * highest n is in force. Private root keys may lie elsewhere until a rotation; private keys out of use go to `retired/`.
 */
export class KeyFolder {
  readonly folder: string
  /** For the firmware. */
  readonly roots: RootsFile
  readonly #passphrase: string | undefined
  readonly #agent: KeyAgent | undefined
  readonly #loaded = new Map<string, Promise<SigningKey>>()
  #documents: readonly KeysDocument[]
  #current: Keys

  private constructor(
    folder: string,
    parts: {
      roots: RootsFile
      documents: KeysDocument[]
      passphrase: string | undefined
      agent: KeyAgent | undefined
    },
  ) {
    this.folder = folder
    this.roots = parts.roots
    this.#passphrase = parts.passphrase
    this.#agent = parts.agent
    this.#documents = parts.documents
    this.#current = payloadOf(parts.documents.at(-1))
  }

  /** Fresh roots and fresh keys for each role. @throws SecureNetError SIGN_FOLDER_EXISTS */
  static async create(folder: string, options: CreateOptions): Promise<KeyFolder> {
    const { passphrase, rootKeys = 1, rootThreshold = 1, now, expires } = options
    await mkdir(folder, { recursive: true, mode: 0o700 })
    if ((await readdir(folder)).length > 0)
      throw new SecureNetError(
        'SIGN_FOLDER_EXISTS',
        `${folder} is not empty`,
        'Name a new folder, or rotate.',
      )
    const { given = {}, agent } = options
    const count = (place: Role | 'roots') =>
      place === 'roots' ? rootKeys : (options.roleSets?.[place]?.keys ?? 1)
    const fresh = freshFor(['roots', ...roles], given, count)
    const keysOf = (place: Role | 'roots') => given[place] ?? publicKeys(fresh.get(place))
    const roots = { threshold: rootThreshold, keys: keysOf('roots') }
    const keys = keysPayload(1, roots, {
      now,
      expires,
      roleOf: (role) => ({ threshold: options.roleSets?.[role]?.threshold ?? 1, keys: keysOf(role) }),
    })
    const held = await heldBy(agent, given, keys)
    const rootSigners = [...(fresh.get('roots') ?? []), ...held.roots]
    const jws = await makeKeysDocument(keys, rootSigners)
    for (const key of [...fresh.values()].flat())
      await writeKeyFile(keyPath(folder, key.publicKey.kid), key, passphrase)
    await replaceFile(join(folder, 'roots.json'), `${JSON.stringify(makeRootsFile(roots), null, 2)}\n`)
    await replaceFile(join(folder, 'keys-1.jws'), jws)
    return KeyFolder.open(folder, passphrase, agent)
  }

  /**
   * @param agent is asked for keys that have no file in the folder
   * @throws SecureNetError SIGN_NO_FOLDER, ROOTS_INVALID
   */
  static async open(folder: string, passphrase?: string, agent?: KeyAgent): Promise<KeyFolder> {
    try {
      const roots = parseRootsFile(await readFile(join(folder, 'roots.json'), 'utf8'))
      return new KeyFolder(folder, { roots, documents: await keysDocuments(folder), passphrase, agent })
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error
      throw new SecureNetError(
        'SIGN_NO_FOLDER',
        `${folder} holds no keys`,
        'Make them: `operator keys init`.',
        {
          cause: error,
        },
      )
    }
  }

  /** What is in force. */
  get current(): Keys {
    return this.#current
  }

  /** All of them, for topics keys/{n}: retained and never cleared. */
  get documents(): readonly KeysDocument[] {
    return this.#documents
  }

  /** The role's keys before those in force, if it ever had others. */
  keysBefore(role: Role): RoleKeys | undefined {
    const kids = (keys: RoleKeys) => keys.keys.map(({ kid }) => kid).join()
    const inForce = this.#current.roles[role]
    for (const document of this.#documents.toReversed()) {
      const keys = payloadOf(document).roles[role]
      if (kids(keys) !== kids(inForce)) return keys
    }
    return undefined
  }

  /**
   * Signs with as many of the role's keys as its threshold asks for.
   * @throws SecureNetError as signDocument and readKeyFile; SIGN_NO_KEY
   */
  sign = async <K extends Exclude<DocumentKind, 'keys'>>(kind: K, payload: Payloads[K]): Promise<string> =>
    signDocument(kind, payload, [
      ...(await this.#signers(this.#current.roles[roleOf[kind]])),
      ...('largeChange' in payload ? await this.#signers(this.#current.roles.fleet) : []),
    ])

  /**
   * The next keys document: written here and returned, to be published at keys/{number}. Documents that the replaced keys
   * signed must be signed and published again.
   * @throws SecureNetError SIGN_NO_KEY if too few private root keys are here
   */
  async rotate({ replace, given = {}, now, expires }: RotateOptions): Promise<KeysDocument> {
    const before = this.#current
    const oldRoots = await this.#signers(before.roots)
    const placed = (place: Role | 'roots'): RootSet =>
      place === 'roots' ? before.roots : before.roles[place]
    const fresh = freshFor(replace, given, (place) => placed(place).keys.length)
    const next = (place: Role | 'roots') => {
      const keys = replace.includes(place)
        ? (given[place] ?? publicKeys(fresh.get(place)))
        : placed(place).keys
      return { ...placed(place), keys }
    }
    const keys = keysPayload(before.number + 1, next('roots'), { now, expires, roleOf: next })
    const held = await heldBy(this.#agent, given, keys)
    const jws = await makeKeysDocument(keys, [...oldRoots, ...(fresh.get('roots') ?? []), ...held.roots])
    for (const key of [...fresh.values()].flat())
      await writeKeyFile(keyPath(this.folder, key.publicKey.kid), key, this.#passphrase)
    // From here on the new document is in force; before, the new keys were files that nobody names.
    await replaceFile(join(this.folder, `keys-${keys.number}.jws`), jws)
    this.#documents = [...this.#documents, { number: keys.number, jws }]
    this.#current = keys
    await this.#retire(before)
    return { number: keys.number, jws }
  }

  async #retire(before: Keys): Promise<void> {
    const inUse = new Set(allKids(this.#current))
    await mkdir(join(this.folder, 'retired'), { recursive: true, mode: 0o700 })
    for (const kid of allKids(before).filter((old) => !inUse.has(old)))
      await rename(keyPath(this.folder, kid), join(this.folder, 'retired', `${kid}.json`)).catch((error) => {
        // A root key that lies elsewhere.
        if (codeOf(error) !== 'ENOENT') throw error
      })
  }

  async #signers({ threshold, keys }: RootSet): Promise<SigningKey[]> {
    const signers: SigningKey[] = []
    for (const { kid } of keys) {
      if (signers.length === threshold) break
      const key = await this.#load(kid)
      if (key) signers.push(key)
    }
    if (signers.length === threshold) return signers
    throw new SecureNetError(
      'SIGN_NO_KEY',
      `${this.folder} and the agent have ${signers.length} of the ${threshold} private keys that are needed`,
      'Bring the key files there, or add the keys to the agent (offline roots: for as long as the rotation takes).',
    )
  }

  /** Decrypting takes a tenth of a second: once for each key. */
  async #load(kid: string): Promise<SigningKey | undefined> {
    const loading = this.#loaded.get(kid) ?? readKeyFile(keyPath(this.folder, kid), this.#passphrase)
    this.#loaded.set(kid, loading)
    try {
      return await loading
    } catch (error) {
      this.#loaded.delete(kid)
      if (codeOf(error) !== 'ENOENT') throw error
      const held = await this.#agent?.keys()
      return held?.find((key) => key.publicKey.kid === kid)
    }
  }

  /** Where this tool would find a private key. @throws SecureNetError SIGN_AGENT_UNREACHABLE, SIGN_AGENT_REFUSED */
  async placeOf(kid: string): Promise<'file' | 'agent' | 'elsewhere'> {
    if ((await readdir(this.folder)).includes(`${kid}.json`)) return 'file'
    const held = await this.#agent?.keys()
    return held?.some((key) => key.publicKey.kid === kid) ? 'agent' : 'elsewhere'
  }
}

function keyPath(folder: string, kid: string): string {
  return join(folder, `${kid}.json`)
}
