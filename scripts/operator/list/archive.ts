import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { codeOf, messageOf, SecureNetError } from '../../../module/base/error.ts'
import type { EntrySet } from '../../../module/blocklist/format/entries.ts'
import { resultOf } from '../../../module/blocklist/format/entries.ts'
import type { Release } from '../../../module/blocklist/format/head.ts'
import { fileNotWritten } from '../exit.ts'
import type { Origins } from './origins.ts'
import type { EarlierVersion, PublishedList } from './release.ts'

/** One built version as the operator keeps it. */
export interface ArchivedVersion extends EarlierVersion {
  version: number
  /** Whether modems may have it: only then do later versions bring deltas from it. */
  published: boolean
  /** Undefined where the version was archived without. */
  readOrigins(): Promise<Origins | undefined>
}

const octetsAnEntry = 9
const folderName = /^\d{1,10}$/

/** The sets in the order of the result hash (docs/list-format.md): hash, big-endian, and tag. */
function packSet({ count, hi, lo, tag }: EntrySet): Buffer {
  const octets = Buffer.allocUnsafe(count * octetsAnEntry)
  for (let i = 0, at = 0; i < count; i += 1, at += octetsAnEntry) {
    octets.writeUInt32BE(hi[i] as number, at)
    octets.writeUInt32BE(lo[i] as number, at + 4)
    octets[at + 8] = tag[i] as number
  }
  return octets
}

function unpackSet(octets: Buffer): EntrySet {
  const count = Math.floor(octets.length / octetsAnEntry)
  const set = { count, hi: new Uint32Array(count), lo: new Uint32Array(count), tag: new Uint8Array(count) }
  for (let i = 0, at = 0; i < count; i += 1, at += octetsAnEntry) {
    set.hi[i] = octets.readUInt32BE(at)
    set.lo[i] = octets.readUInt32BE(at + 4)
    set.tag[i] = octets[at + 8] as number
  }
  return set
}

async function writeFlushed(path: string, content: Uint8Array | string): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true })
    const file = await open(path, 'w', 0o600)
    try {
      await file.writeFile(content)
      await file.sync()
    } finally {
      await file.close()
    }
  } catch (error) {
    throw fileNotWritten(path, error)
  }
}

async function flushFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  await folder.sync().finally(() => folder.close())
}

function damaged(path: string, why: string): SecureNetError {
  return new SecureNetError(
    'LIST_ARCHIVE_DAMAGED',
    `${path}: ${why}`,
    'Remove that version from the archive; the next build brings a snapshot instead of a delta from it.',
  )
}

/**
 * What the operator must remember between versions, as files: `<folder>/<list>/<version>/` with `release.json`,
 * `set.bin` and the chunks under their topics. A version appears whole or not at all.
 */
export class Archive {
  readonly #folder: string

  /** @param folder archiveDir of the profile */
  constructor(folder: string, list: string) {
    this.#folder = join(folder, list)
  }

  /** Ascending by version. */
  async versions(): Promise<ArchivedVersion[]> {
    const names = await readdir(this.#folder).catch((error) => {
      if (codeOf(error) === 'ENOENT') return []
      throw error
    })
    const versions = names.filter((name) => folderName.test(name)).map(Number)
    return Promise.all(versions.sort((a, b) => a - b).map((version) => this.read(version)))
  }

  async latest(): Promise<ArchivedVersion | undefined> {
    return (await this.versions()).at(-1)
  }

  /** What modems can come from. */
  async published(): Promise<ArchivedVersion[]> {
    return (await this.versions()).filter(({ published }) => published)
  }

  /** The number for the next version; never used before, also if the last one was withdrawn. */
  async nextVersion(): Promise<number> {
    return ((await this.latest())?.version ?? 0) + 1
  }

  /** @throws SecureNetError LIST_ARCHIVE_VERSION if that version is there already: versions never change */
  async save(set: EntrySet, { release, chunks }: PublishedList, origins?: Origins): Promise<void> {
    const place = this.#path(release.version)
    const half = join(this.#folder, `.${release.version}.${process.pid}`)
    await rm(half, { recursive: true, force: true })
    try {
      await writeFlushed(join(half, 'release.json'), `${JSON.stringify(release, null, 1)}\n`)
      await writeFlushed(join(half, 'set.bin'), packSet(set))
      if (origins) {
        await writeFlushed(join(half, 'inputs.json'), `${JSON.stringify(origins.inputs)}\n`)
        await writeFlushed(join(half, 'origins.bin'), Buffer.from(origins.of.buffer))
      }
      for (const [topic, chunk] of chunks)
        await writeFlushed(join(half, 'chunks', encodeURIComponent(topic)), chunk)
      await flushFolder(half)
      await rename(half, place)
      await flushFolder(this.#folder)
    } catch (error) {
      await rm(half, { recursive: true, force: true })
      if (!/^(EEXIST|ENOTEMPTY)$/.test(codeOf(error))) throw error
      throw new SecureNetError(
        'LIST_ARCHIVE_VERSION',
        `version ${release.version} is in the archive already`,
        'Versions only go up: build again.',
      )
    }
  }

  /** @throws SecureNetError LIST_ARCHIVE_DAMAGED, LIST_ARCHIVE_UNKNOWN */
  async load(version: number): Promise<PublishedList> {
    const { release } = await this.read(version)
    const folder = join(this.#path(version), 'chunks')
    const chunks = new Map<string, Buffer>()
    for (const name of await readdir(folder))
      chunks.set(decodeURIComponent(name), await readFile(join(folder, name)))
    return { release, chunks }
  }

  /** To be called once every chunk is retained by the broker, before the head. */
  async markPublished(version: number): Promise<void> {
    await writeFlushed(join(this.#path(version), 'published'), '')
    await flushFolder(this.#path(version))
  }

  /** Removes all but the newest `keep` versions, and what interrupted saves left. */
  async prune(keep: number): Promise<number[]> {
    const versions = (await this.versions()).map(({ version }) => version)
    const old = versions.slice(0, Math.max(0, versions.length - Math.max(1, keep)))
    for (const version of old) await rm(this.#path(version), { recursive: true, force: true })
    for (const name of await readdir(this.#folder).catch(() => []))
      if (name.startsWith('.')) await rm(join(this.#folder, name), { recursive: true, force: true })
    return old
  }

  #path(version: number): string {
    return join(this.#folder, String(version))
  }

  /** @throws SecureNetError LIST_ARCHIVE_DAMAGED, LIST_ARCHIVE_UNKNOWN */
  async read(version: number): Promise<ArchivedVersion> {
    const path = join(this.#path(version), 'release.json')
    const text = await readFile(path, 'utf8').catch((error) => {
      throw new SecureNetError(
        'LIST_ARCHIVE_UNKNOWN',
        `version ${version} is not in the archive: ${messageOf(error)}`,
        'Its versions are the folders of archiveDir; `list status` shows those that are published.',
      )
    })
    let release: Release
    try {
      release = JSON.parse(text) as Release
    } catch (error) {
      throw damaged(path, messageOf(error))
    }
    if (release.version !== version) throw damaged(path, 'it is of another version')
    const published = await readFile(join(this.#path(version), 'published')).then(
      () => true,
      () => false,
    )
    return {
      version,
      release,
      published,
      readSet: () => this.#readSet(version, release),
      readOrigins: () => this.#readOrigins(version, release),
    }
  }

  /** What helps only to compare: damaged or lost, it stops no build. */
  async #readOrigins(version: number, { names }: Release): Promise<Origins | undefined> {
    try {
      const inputs = JSON.parse(await readFile(join(this.#path(version), 'inputs.json'), 'utf8')) as string[]
      const octets = await readFile(join(this.#path(version), 'origins.bin'))
      const of = new Uint16Array(new Uint8Array(octets).buffer)
      return of.length === names ? { inputs, of } : undefined
    } catch {
      return undefined
    }
  }

  async #readSet(version: number, release: Release): Promise<EntrySet> {
    const path = join(this.#path(version), 'set.bin')
    const set = unpackSet(await readFile(path))
    if (resultOf(set) !== release.result) throw damaged(path, 'it is not the set of its release')
    return set
  }
}
