import { createNameHash, type HashKey } from './format/name-hash.ts'

/**
 * A few names (tree scope) by their hash, in open addressing: the operator's allow list and the never-block core. It is
 * asked only once the block list has hit, which is rare.
 */
export interface NameSet {
  has(hi: number, lo: number): boolean
  readonly size: number
}

/** @param names wire form, uncompressed */
export function createNameSet(names: readonly Uint8Array[], key: HashKey): NameSet {
  const hash = createNameHash(key)
  const slots = 2 ** Math.ceil(Math.log2(Math.max(4, names.length * 2)))
  const mask = slots - 1
  const table = new Int32Array(slots * 2)
  const used = new Uint8Array(slots)
  let size = 0

  /** The slot that holds the hash, or the free one where it belongs. */
  function slotOf(hi: number, lo: number): number {
    let slot = lo & mask
    while (used[slot] === 1 && (table[slot * 2] !== hi || table[slot * 2 + 1] !== lo))
      slot = (slot + 1) & mask
    return slot
  }

  for (const name of names) {
    const labels = hash.suffixes(name, 0)
    if (labels === 0) continue
    const hi = hash.hi[labels - 1] as number
    const lo = hash.lo[labels - 1] as number
    const slot = slotOf(hi, lo)
    if (used[slot] === 1) continue
    used[slot] = 1
    table[slot * 2] = hi
    table[slot * 2 + 1] = lo
    size += 1
  }
  return {
    has: (hi, lo) => used[slotOf(hi | 0, lo | 0)] === 1,
    get size() {
      return size
    },
  }
}
