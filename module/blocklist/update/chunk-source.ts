import type { ChunkRef } from '../format/chunk-ref.ts'

/** Where chunks come from; over MQTT in the product (control/list-feed.ts), a map in tests. */
export interface ChunkSource {
  /**
   * One chunk, as published; the caller checks its hash.
   * @throws SecureNetError LIST_CHUNK_MISSING after the source's own time-out
   */
  fetch(ref: ChunkRef): Promise<Buffer>
}
