/** The newest lines of the log, for a support bundle; in memory only. */
export class LogRing {
  readonly #most: number
  #lines: string[] = []

  constructor(most = 200) {
    this.#most = most
  }

  add(line: string): void {
    this.#lines.push(line.trimEnd())
    if (this.#lines.length > 2 * this.#most) this.#lines = this.#lines.slice(-this.#most)
  }

  lines(): string[] {
    return this.#lines.slice(-this.#most)
  }
}
