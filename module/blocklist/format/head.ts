/** SHA-256 in base64url without padding (43 characters). */
export type Digest = string

/** A coded snapshot or delta: its chunks in order. Every chunk is <= 64 KiB. */
export interface Chunks {
  /** All chunks together, in bytes. */
  bytes: number
  /** SHA-256 of every chunk, in order. */
  chunks: readonly Digest[]
}

export interface Delta extends Chunks {
  /** The version that this delta starts from; it has the same hash key. */
  from: number
  /**
   * The version it leads to, an earlier one than the release's, so that deltas chain (5 to 6, 6 to 7) and each is
   * published once; without it the release's own.
   */
  to?: number
}

/** One version of a list. */
export interface Release {
  version: number
  /** 64-bit key of the name hash, 16 lower-case hexadecimal digits; it changes with every snapshot. */
  key: string
  /** Number of entries of the resulting set. */
  names: number
  /** SHA-256 over the resulting set (docs/list-format.md). */
  result: Digest
  snapshot: Chunks
  deltas: readonly Delta[]
}

/** Payload of the signed document `list/{list}/head`. Times are seconds since 1970. */
export interface Head {
  list: string
  /** Grows with every publication; a lower one is ignored. */
  sequence: number
  issuedAt: number
  /** After this the list is `stale` (reported, alarmed); it goes on serving. */
  expires: number
  /** Downloads start within so many seconds of issuedAt: hash(line, version) mod this. */
  spreadSeconds: number
  stable: Release
  /** A staged roll-out: modems with hash(modemId, salt) mod 100 < percent take this one. */
  candidate?: { percent: number; salt: string; release: Release }
  /**
   * The version that may have many more or fewer names than the one before (keys document, roles.list.maxChange): a head
   * that says so is signed by a fleet key as well.
   */
  largeChange?: number
  /** Names (A-labels) never blocked, with everything below them, whatever the list says. */
  allow: readonly string[]
}

/** What tells a newer head from a replayed one. */
export interface HeadRank {
  /** Of the keys that signed it (control/documents/trust.ts). */
  epoch: number
  sequence: number
}

/** Of two heads signed under the same keys the lower sequence is older; heads under replaced keys are older than any. */
export function ranksBelow(head: HeadRank, other: HeadRank): boolean {
  return head.epoch < other.epoch || (head.epoch === other.epoch && head.sequence < other.sequence)
}
