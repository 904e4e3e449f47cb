/** Which bytes: chunk `index` of a version's snapshot, or of the delta that leads to it from version `from`. */
export interface ChunkRef {
  list: string
  version: number
  kind: 'snapshot' | 'delta'
  /** Of a delta: the version it starts from. */
  from?: number
  index: number
}

/** Where chunks come from; over MQTT in the product (control/list-feed.ts), a map in tests. */
export interface ChunkSource {
  /**
   * One chunk, as published; the caller checks its hash.
   * @throws SecureNetError LIST_CHUNK_MISSING after the source's own time-out
   */
  fetch(ref: ChunkRef): Promise<Buffer>
}
