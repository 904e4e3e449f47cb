import { type ClientKey, clientKey } from '../base/client-key.ts'

/** The part of a socket that is needed here. */
export interface Connection {
  readonly remoteAddress?: string | undefined
  destroy(): void
}

export interface ConnectionLimits {
  readonly total: number
  readonly perClient: number
}

/**
 * Bounds the open connections, so that whoever opens ten thousand takes places from nobody but himself: over a limit, the
 * connection that was silent longest is closed, of that client, or of the client that holds most.
 */
export class Connections<C extends Connection = Connection> {
  readonly #limits: ConnectionLimits
  readonly #clients = new Map<ClientKey, Set<C>>()
  #size = 0

  constructor(limits: ConnectionLimits) {
    this.#limits = limits
  }

  get size(): number {
    return this.#size
  }

  add(connection: C): void {
    const client = clientKey(connection.remoteAddress)
    const own = this.#clients.get(client)
    if (own && own.size >= this.#limits.perClient) this.#evict(client, own)
    else if (this.#size >= this.#limits.total) this.#evictOfHeaviest()
    const set = this.#clients.get(client) ?? new Set()
    this.#clients.set(client, set.add(connection))
    this.#size++
  }

  /** It asked for something: it moves to the end of the queue of the silent. */
  touch(connection: C): void {
    const own = this.#clients.get(clientKey(connection.remoteAddress))
    if (own?.delete(connection)) own.add(connection)
  }

  /** @param client as it was when added: a destroyed socket has forgotten its peer */
  remove(connection: C, client: ClientKey): void {
    const own = this.#clients.get(client)
    if (!own?.delete(connection)) return
    this.#size--
    if (own.size === 0) this.#clients.delete(client)
  }

  /** @param which all of them where left out */
  closeAll(which: (connection: C) => boolean = () => true): void {
    for (const [client, own] of this.#clients)
      for (const connection of own)
        if (which(connection)) {
          this.remove(connection, client)
          connection.destroy()
        }
  }

  #evictOfHeaviest(): void {
    let heaviest: [ClientKey, Set<C>] | undefined
    for (const entry of this.#clients) if (!heaviest || entry[1].size > heaviest[1].size) heaviest = entry
    if (heaviest) this.#evict(...heaviest)
  }

  #evict(client: ClientKey, own: Set<C>): void {
    const [oldest] = own
    if (!oldest) return
    this.remove(oldest, client)
    oldest.destroy()
  }
}
