import { isIPv6 } from 'node:net'

/** The part of a socket that is needed here. */
export interface Connection {
  readonly remoteAddress?: string | undefined
  destroy(): void
}

export interface ConnectionLimits {
  readonly total: number
  readonly perClient: number
}

/** Whom an address counts for: itself, or its /64 in IPv6, where a device has as many addresses as it likes. */
export function clientOf(address: string | undefined): string {
  const bare = (address ?? '').replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*/, '')
  // All of a link shares fe80::/64: there the interface identifier is the client.
  if (!isIPv6(bare) || /^fe[89ab]/i.test(bare)) return bare
  const [head = '', tail] = bare.split('::')
  const groups = head === '' ? [] : head.split(':')
  if (tail !== undefined) while (groups.length < 4) groups.push('0')
  return groups.slice(0, 4).join(':')
}

/**
 * Bounds the open connections, so that whoever opens ten thousand takes places from nobody but himself: over a limit, the
 * connection that was silent longest is closed, of that client, or of the client that holds most.
 */
export class Connections<C extends Connection = Connection> {
  readonly #limits: ConnectionLimits
  readonly #clients = new Map<string, Set<C>>()
  #size = 0

  constructor(limits: ConnectionLimits) {
    this.#limits = limits
  }

  get size(): number {
    return this.#size
  }

  add(connection: C): void {
    const client = clientOf(connection.remoteAddress)
    const own = this.#clients.get(client)
    if (own && own.size >= this.#limits.perClient) this.#evict(client, own)
    else if (this.#size >= this.#limits.total) this.#evict(...this.#heaviest())
    const set = this.#clients.get(client) ?? new Set()
    this.#clients.set(client, set.add(connection))
    this.#size++
  }

  /** It asked for something: it moves to the end of the queue of the silent. */
  touch(connection: C): void {
    const own = this.#clients.get(clientOf(connection.remoteAddress))
    if (own?.delete(connection)) own.add(connection)
  }

  /** @param client as it was when added: a destroyed socket has forgotten its peer */
  remove(connection: C, client: string): void {
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

  #heaviest(): [string, Set<C>] {
    let most: [string, Set<C>] = ['', new Set()]
    for (const entry of this.#clients) if (entry[1].size > most[1].size) most = entry
    return most
  }

  #evict(client: string, own: Set<C>): void {
    const [oldest] = own
    if (!oldest) return
    this.remove(oldest, client)
    oldest.destroy()
  }
}
