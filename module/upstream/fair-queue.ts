import { isOwnClientKey } from '../base/client-key.ts'

/** What waits in a queue carries its own links. */
export interface Queued {
  clientKey: string
  queuePrevious: Queued | null
  queueNext: Queued | null
  queued: boolean
}

interface ClientQueue {
  head: Queued | null
  tail: Queued | null
  length: number
  /** Its place among those of the same length; the module's own has none: nothing drives it out. */
  place: number
  readonly isOwn: boolean
}

export interface FairQueueOptions {
  /** 0 <= x < 1. @default Math.random */
  random?: () => number
}

/**
 * Questions that wait for room at an upstream: the module's own first, then each client in turn, however many it has, so that
 * one device that floods delays itself only. A client that has nothing waiting takes no memory.
 */
export class FairQueue<T extends Queued> {
  /** In the order of turns: a Map keeps the order of insertion. */
  readonly #clients = new Map<string, ClientQueue>()
  /** Parts of the module: each before every client. */
  readonly #own = new Map<string, ClientQueue>()
  /** Clients by how much each has waiting, so that the longest is at hand. */
  readonly #byLength: ClientQueue[][] = []
  readonly #limit: number
  readonly #random: () => number
  #size = 0

  constructor(limit: number, { random = Math.random }: FairQueueOptions = {}) {
    this.#limit = limit
    this.#random = random
  }

  get size(): number {
    return this.#size
  }

  /** Something of the module's own waits, which is the next. */
  get hasOwn(): boolean {
    return this.#own.size > 0
  }

  /**
   * Where it is full and every client has one entry, chance decides whose goes: else who came first kept the places, and who
   * asks honestly and late none.
   * @returns whom there was no room for: null, `entry` itself, or the last of a client that has most waiting
   */
  add(entry: T): T | null {
    let dropped: T | null = null
    if (this.#size >= this.#limit && !isOwnClientKey(entry.clientKey)) {
      const own = this.#clients.get(entry.clientKey)?.length ?? 0
      const longest = this.#longestLength
      if (longest === 0 || (longest > 1 ? own + 1 >= longest : own > 0)) return entry
      dropped = this.#oneOf(longest).tail as T
      this.remove(dropped)
    }
    const client = this.#lane(entry.clientKey).get(entry.clientKey) ?? this.#newClient(entry.clientKey)
    entry.queued = true
    entry.queueNext = null
    entry.queuePrevious = client.tail
    if (client.tail) client.tail.queueNext = entry
    else client.head = entry
    client.tail = entry
    this.#setLength(client, client.length + 1)
    this.#size++
    return dropped
  }

  /** @returns the first of the client whose turn it is, or null */
  next(): T | null {
    const lane = this.hasOwn ? this.#own : this.#clients
    for (const [key, client] of lane) {
      const entry = client.head as T
      this.remove(entry)
      if (client.length > 0) {
        lane.delete(key)
        lane.set(key, client)
      }
      return entry
    }
    return null
  }

  remove(entry: T): void {
    const lane = this.#lane(entry.clientKey)
    const client = entry.queued ? lane.get(entry.clientKey) : undefined
    if (!client) return
    const { queuePrevious, queueNext } = entry
    if (queuePrevious) queuePrevious.queueNext = queueNext
    else client.head = queueNext
    if (queueNext) queueNext.queuePrevious = queuePrevious
    else client.tail = queuePrevious
    entry.queuePrevious = null
    entry.queueNext = null
    entry.queued = false
    this.#size--
    this.#setLength(client, client.length - 1)
    if (client.length === 0) lane.delete(entry.clientKey)
  }

  #newClient(key: string): ClientQueue {
    const client = { head: null, tail: null, length: 0, place: 0, isOwn: isOwnClientKey(key) }
    this.#lane(key).set(key, client)
    return client
  }

  #lane(key: string): Map<string, ClientQueue> {
    return isOwnClientKey(key) ? this.#own : this.#clients
  }

  get #longestLength(): number {
    return this.#byLength.length
  }

  #oneOf(length: number): ClientQueue {
    const clients = this.#byLength[length - 1]!
    return clients[Math.floor(this.#random() * clients.length)]!
  }

  /** By one up or down. */
  #setLength(client: ClientQueue, length: number): void {
    if (client.isOwn) {
      client.length = length
      return
    }
    if (client.length > 0) {
      const before = this.#byLength[client.length - 1]!
      const last = before.pop()!
      if (last !== client) {
        before[client.place] = last
        last.place = client.place
      }
    }
    client.length = length
    if (length > 0) {
      if (this.#byLength.length < length) this.#byLength.push([])
      client.place = this.#byLength[length - 1]!.push(client) - 1
    }
    while (this.#byLength.at(-1)?.length === 0) this.#byLength.pop()
  }
}
