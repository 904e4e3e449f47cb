import { Entry, type EntryMemory, hashAt } from './cache-entry.ts'

/** Nobody pays for more than this, whatever names somebody has chosen; who finds no room pushes another one out. */
const PROBES = 32
const EMPTY = 0

/** Offsets are multiples of eight; 0 is one of them. */
const slotOf = (offset: number) => (offset >>> 3) + 1
const offsetIn = (slot: number) => (slot - 1) * 8

/** No entry is smaller (`entryBytes`), so that the table never fills up. */
const BYTES_A_SLOT = 64

/** FNV-1a from a seed of the process's own, mixed so that the low bits depend on all of it. */
export function hashOf(key: Uint8Array, length: number, seed: number): number {
  let hash = seed
  for (let i = 0; i < length; i++) hash = Math.imul(hash ^ key[i]!, 0x01000193)
  hash ^= hash >>> 15
  hash = Math.imul(hash, 0x2c1b3c6d)
  return (hash ^ (hash >>> 13)) >>> 0
}

/** Where the entry of a key lies: open addressing over offsets, four octets a slot. */
export class CacheIndex {
  readonly #memory: EntryMemory
  readonly #slots: Uint32Array
  readonly #mask: number
  readonly #found: Entry

  constructor(memory: EntryMemory) {
    const slots = 2 ** Math.ceil(Math.log2(memory.octets.length / BYTES_A_SLOT))
    this.#memory = memory
    this.#slots = new Uint32Array(slots)
    this.#mask = slots - 1
    this.#found = new Entry(memory)
  }

  /** @returns the same object each time */
  find(key: Uint8Array, keyLength: number, hash: number): Entry | undefined {
    for (let i = 0; i < PROBES; i++) {
      const slot = this.#slots[(hash + i) & this.#mask]!
      if (slot === EMPTY) return undefined
      const offset = offsetIn(slot)
      if (hashAt(this.#memory, offset) !== hash) continue
      const entry = this.#found.at(offset)
      if (entry.isFor(key, keyLength)) return entry
    }
    return undefined
  }

  /** @returns the entry that had to make room: it is no longer found */
  add(offset: number): Entry | undefined {
    const hash = hashAt(this.#memory, offset)
    for (let i = 0; i < PROBES; i++) {
      const at = (hash + i) & this.#mask
      if (this.#slots[at] !== EMPTY) continue
      this.#slots[at] = slotOf(offset)
      return undefined
    }
    const at = hash & this.#mask
    const pushedOut = new Entry(this.#memory, offsetIn(this.#slots[at]!))
    this.#slots[at] = slotOf(offset)
    return pushedOut
  }

  /** The entry lies at `to` from now on. */
  move(from: number, to: number): void {
    this.#slots[this.#slotFor(from)] = slotOf(to)
  }

  /** What came after it and could not have its own slot moves up, so that no search ends at the gap. */
  remove(offset: number): void {
    let gap = this.#slotFor(offset)
    for (let at = (gap + 1) & this.#mask; ; at = (at + 1) & this.#mask) {
      const slot = this.#slots[at]!
      if (slot === EMPTY) break
      const away = (at - hashAt(this.#memory, offsetIn(slot))) & this.#mask
      if (away < ((at - gap) & this.#mask)) continue
      this.#slots[gap] = slot
      gap = at
    }
    this.#slots[gap] = EMPTY
  }

  clear(): void {
    this.#slots.fill(EMPTY)
  }

  #slotFor(offset: number): number {
    const hash = hashAt(this.#memory, offset)
    const slot = slotOf(offset)
    for (let i = 0; i < PROBES; i++) {
      const at = (hash + i) & this.#mask
      if (this.#slots[at] === slot) return at
    }
    throw new Error('a live entry is in the index')
  }
}
