import { badCoding, createBitReader } from './bits.ts'
import { type ChunkHeader, type Group, readChunk } from './chunk.ts'
import { compareEntries, type EntrySet, emptySet, type Tag } from './entries.ts'

/** A chunk, decoded: entries that appear and, of a delta, places of entries that go. */
export interface DecodedChunk {
  header: ChunkHeader
  /** Ascending. */
  additions: EntrySet
  /**
   * Ascending; counted over the base's entries of this chunk's range (leading bits = index), in (hash, tag) order,
   * from 0.
   */
  removals: Uint32Array
}

/** Room for the entries of one run; runs are numbered from 0. */
export type DecodeRoom = (run: number, count: number) => EntrySet

const freshRoom: DecodeRoom = (_, count) => ({
  count,
  hi: new Uint32Array(count),
  lo: new Uint32Array(count),
  tag: new Uint8Array(count),
})

/**
 * The same memory again for every chunk, whose entries are then valid until the next is decoded. Hundreds of chunks come
 * in a row, and V8 is in no hurry to free what lies outside of its heap.
 */
export function createDecodeRoom(): DecodeRoom {
  const runs: EntrySet[] = []
  return (run, count) => {
    const kept = runs[run]
    const { hi, lo, tag } = kept && kept.count >= count ? kept : freshRoom(run, Math.ceil(count * 1.25))
    runs[run] = { count: hi.length, hi, lo, tag }
    return { count, hi: hi.subarray(0, count), lo: lo.subarray(0, count), tag: tag.subarray(0, count) }
  }
}

/** As decodeChunk, but yields after every few hundred entries, so that a modem can answer queries meanwhile. */
export function* decodeInSteps(
  chunk: Uint8Array,
  room: DecodeRoom = freshRoom,
): Generator<undefined, DecodedChunk> {
  const { header, groups } = readChunk(chunk)
  const runs: EntrySet[] = []
  let removals = new Uint32Array(0)
  for (const group of groups) {
    if (group.tag === 'removals') removals = yield* readRemovals(group)
    else runs.push(yield* readAdditions(group, header, room(runs.length, group.count)))
  }
  return { header, additions: yield* mergeRuns(runs, room), removals }
}

/** @param rest between two steps */
export async function decodeInTurns(
  chunk: Uint8Array,
  room: DecodeRoom,
  rest: () => Promise<void>,
): Promise<DecodedChunk> {
  const steps = decodeInSteps(chunk, room)
  for (;;) {
    const step = steps.next()
    if (step.done) return step.value
    await rest()
  }
}

const STEP_ENTRIES = 256

function* readAdditions(
  { tag, parameter, count, bits }: Group,
  { prefixBits, index }: ChunkHeader,
  run: EntrySet,
): Generator<undefined, EntrySet> {
  run.tag.fill(tag as Tag)
  const reader = createBitReader(bits)
  const span = 2 ** (32 - prefixBits)
  let hi = index * span
  let lo = 0
  const last = hi + span - 1
  for (let i = 0; i < count; i += 1) {
    const high = reader.unary(2 ** (64 - parameter)) * 2 ** (parameter - 32) + reader.read(parameter - 32)
    const low = reader.read(32)
    if (i > 0 && high === 0 && low === 0) throw badCoding('an entry comes twice')
    const sum = lo + low
    hi += high + (sum > 0xffffffff ? 1 : 0)
    lo = sum >>> 0
    if (hi > last) throw badCoding('an entry lies outside its range')
    run.hi[i] = hi
    run.lo[i] = lo
    if (i % STEP_ENTRIES === STEP_ENTRIES - 1) yield
  }
  reader.end()
  return run
}

/** Each run is in order and has a tag of its own, so that no entry is in two; one at a time the least is taken. */
function* mergeRuns(runs: readonly EntrySet[], room: DecodeRoom): Generator<undefined, EntrySet> {
  if (runs.length < 2) return runs[0] ?? emptySet
  const count = runs.reduce((sum, run) => sum + run.count, 0)
  const set = room(runs.length, count)
  const next = runs.map(() => 0)
  for (let i = 0; i < count; i += 1) {
    let least = -1
    for (let r = 0; r < runs.length; r += 1) {
      if (next[r] === (runs[r] as EntrySet).count) continue
      if (least < 0 || before(runs, next, r, least)) least = r
    }
    const run = runs[least] as EntrySet
    const at = next[least] as number
    set.hi[i] = run.hi[at] as number
    set.lo[i] = run.lo[at] as number
    set.tag[i] = run.tag[at] as number
    next[least] = at + 1
    if (i % STEP_ENTRIES === STEP_ENTRIES - 1) yield
  }
  return set
}

function before(runs: readonly EntrySet[], next: readonly number[], a: number, b: number): boolean {
  return compareEntries(runs[a] as EntrySet, next[a] as number, runs[b] as EntrySet, next[b] as number) < 0
}

function* readRemovals({ parameter, count, bits }: Group): Generator<undefined, Uint32Array<ArrayBuffer>> {
  const reader = createBitReader(bits)
  const places = new Uint32Array(count)
  let previous = -1
  for (let i = 0; i < count; i += 1) {
    previous += 1 + reader.unary(2 ** (32 - parameter)) * 2 ** parameter + reader.read(parameter)
    if (previous > 0xffffffff) throw badCoding('a removal is out of range')
    places[i] = previous
    if (i % STEP_ENTRIES === STEP_ENTRIES - 1) yield
  }
  reader.end()
  return places
}
