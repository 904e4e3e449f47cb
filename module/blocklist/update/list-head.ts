import { type Head, type HeadRank, ranksBelow } from '../format/head.ts'

/** The newest head whose signature was checked, whether anything is made of it or not: no older one takes its place. */
export class ListHead {
  readonly #stored: () => HeadRank
  #newest: { head: Head; epoch: number } | undefined

  /** @param stored the rank that the state remembers */
  constructor(stored: () => HeadRank) {
    this.#stored = stored
  }

  get head(): Head | undefined {
    return this.#newest?.head
  }

  get rank(): HeadRank {
    const { epoch, sequence } = this.#stored()
    if (!this.#newest) return { epoch, sequence }
    return { epoch: Math.max(this.#newest.epoch, epoch), sequence: this.#newest.head.sequence }
  }

  /** @returns whether it is remembered now: it ranks below none that was seen */
  offer(head: Head, epoch: number): boolean {
    if (ranksBelow({ epoch, sequence: head.sequence }, this.rank)) return false
    this.#newest = { head, epoch }
    return true
  }
}
