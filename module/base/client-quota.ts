import type { ClientKey } from './client-key.ts'

export interface ClientQuotaLimits {
  readonly perClient: number
  /** Of all clients together. @default no limit */
  readonly total?: number
}

/**
 * Places that clients take and give back: connections, questions in flight. Who finds none is told so, and no other
 * client loses a place. A client that holds none takes no memory.
 */
export class ClientQuota {
  readonly #perClient: number
  readonly #total: number
  readonly #held = new Map<ClientKey, number>()
  #taken = 0

  constructor({ perClient, total = Number.POSITIVE_INFINITY }: ClientQuotaLimits) {
    this.#perClient = perClient
    this.#total = total
  }

  get taken(): number {
    return this.#taken
  }

  /** @returns false where there is none for this client */
  take(client: ClientKey): boolean {
    const held = this.#held.get(client) ?? 0
    if (this.#taken >= this.#total || held >= this.#perClient) return false
    this.#held.set(client, held + 1)
    this.#taken++
    return true
  }

  /** Of one that was taken. */
  giveBack(client: ClientKey): void {
    const held = this.#held.get(client)
    if (held === undefined) return
    if (held > 1) this.#held.set(client, held - 1)
    else this.#held.delete(client)
    this.#taken--
  }
}
