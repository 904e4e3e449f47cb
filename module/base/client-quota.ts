export interface PlaceLimits {
  readonly perClient: number
  readonly total: number
}

/** Places that clients take and give back; who finds none is told so, and nobody loses his. */
export class Places {
  readonly #limits: PlaceLimits
  readonly #clients = new Map<string, number>()
  #taken = 0

  constructor(limits: PlaceLimits) {
    this.#limits = limits
  }

  get taken(): number {
    return this.#taken
  }

  /** @returns false where there is none for this client */
  take(client: string): boolean {
    const own = this.#clients.get(client) ?? 0
    if (this.#taken >= this.#limits.total || own >= this.#limits.perClient) return false
    this.#clients.set(client, own + 1)
    this.#taken++
    return true
  }

  /** Of one that was taken. */
  giveBack(client: string): void {
    const own = (this.#clients.get(client) ?? 1) - 1
    if (own > 0) this.#clients.set(client, own)
    else this.#clients.delete(client)
    this.#taken--
  }
}
