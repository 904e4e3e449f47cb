/** Which bytes: chunk `index` of a version's snapshot, or of the delta that leads to it from version `from`. */
export interface ChunkRef {
  list: string
  version: number
  kind: 'snapshot' | 'delta'
  /** Of a delta: the version it starts from. */
  from?: number
  index: number
}
