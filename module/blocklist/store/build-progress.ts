import type { Release } from '../format/head.ts'
import { METADATA_KEY, type Store, type StoreMetadata } from './store.ts'

export interface BuildOptions {
  /** The file to make, or to go on with. */
  path: string
  list: string
  /** What must come out; `names` and `result` may be left out for a version in the middle of a chain of deltas. */
  release: Pick<Release, 'version' | 'key'> & Partial<Pick<Release, 'names' | 'result'>>
  /** How many chunks the snapshot or delta has. */
  chunks: number
  /** Of a delta: the store that it starts from; it must stay open until the end. */
  base?: Store
  /** As openStore's. */
  lockDirectory?: string
  /** Between two steps, each a fraction of a millisecond on a PC; default: a turn of the event loop. */
  rest?: () => Promise<void>
}

/** What is stored under key 0 until the file is finished. */
export interface Progress {
  building: 1
  list: string
  version: number
  key: string
  from: number
  chunks: number
  /** Chunks wholly in. */
  next: number
  /** Buckets below this are written; within chunk `next` there may be some. */
  bucket: number
  names: number
  written: number
  bucketBits: number
  tags: readonly number[]
}

export function freshProgress({ list, release, chunks, base }: BuildOptions): Progress {
  return {
    building: 1,
    list,
    version: release.version,
    key: release.key,
    from: base?.metadata.version ?? 0,
    chunks,
    next: 0,
    bucket: 0,
    names: -1,
    written: 0,
    bucketBits: 0,
    tags: [],
  }
}

/** What an earlier builder left, if it was after the same thing. */
export function resumed(record: Buffer, options: BuildOptions): Progress | null {
  const wanted = freshProgress(options)
  try {
    const found = JSON.parse(record.toString()) as Progress
    const fields = ['building', 'list', 'version', 'key', 'from', 'chunks'] as const
    return fields.every((field) => found[field] === wanted[field]) ? found : null
  } catch {
    return null
  }
}

export function jsonRecord(value: Progress | StoreMetadata): { key: number; value: Uint8Array } {
  return { key: METADATA_KEY, value: Buffer.from(JSON.stringify(value)) }
}
