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
}

/**
 * Questions that wait for room at an upstream: each client in turn, however many it has, so that one device that
 * floods delays itself only. A client that has nothing waiting takes no memory.
 */
export class FairQueue<T extends Queued> {
  /** In the order of turns: a Map keeps the order of insertion. */
  readonly #clients = new Map<string, ClientQueue>()
  readonly #limit: number
  #size = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  get size(): number {
    return this.#size
  }

  /** @returns whom there was no room for: null, `entry` itself, or the last of the client that has most waiting */
  add(entry: T): T | null {
    let dropped: T | null = null
    if (this.#size >= this.#limit) {
      const longest = this.#longest()
      const own = this.#clients.get(entry.clientKey)
      if (!longest || (own?.length ?? 0) + 1 >= longest.length) return entry
      dropped = longest.tail as T
      this.remove(dropped)
    }
    let client = this.#clients.get(entry.clientKey)
    if (!client) {
      client = { head: null, tail: null, length: 0 }
      this.#clients.set(entry.clientKey, client)
    }
    entry.queued = true
    entry.queueNext = null
    entry.queuePrevious = client.tail
    if (client.tail) client.tail.queueNext = entry
    else client.head = entry
    client.tail = entry
    client.length++
    this.#size++
    return dropped
  }

  /** @returns the first of the client whose turn it is, or null */
  next(): T | null {
    for (const [key, client] of this.#clients) {
      const entry = client.head as T
      this.remove(entry)
      if (client.length > 0) {
        this.#clients.delete(key)
        this.#clients.set(key, client)
      }
      return entry
    }
    return null
  }

  remove(entry: T): void {
    const client = entry.queued ? this.#clients.get(entry.clientKey) : undefined
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
    if (--client.length === 0) this.#clients.delete(entry.clientKey)
  }

  #longest(): ClientQueue | null {
    let longest: ClientQueue | null = null
    for (const client of this.#clients.values()) {
      if (!longest || client.length > longest.length) longest = client
    }
    return longest
  }
}
