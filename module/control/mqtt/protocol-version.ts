/** CONNACK: 3.1.1 §3.2.2.3 code 1; MQTT 5 §3.2.2.2 code 0x84. */
const WRONG_VERSION: readonly unknown[] = [1, 0x84]

/** MQTT 5 where the broker has it, 3.1.1 where not. */
export class ProtocolVersion {
  /** As in CONNECT. */
  current: 5 | 4 = 5
  #isProven = false

  get text(): '5' | '3.1.1' {
    return this.current === 5 ? '5' : '3.1.1'
  }

  /** The broker let us in. */
  proven(): void {
    this.#isProven = true
  }

  /**
   * An attempt that led to no connection.
   * @param code of the CONNACK; undefined: none came
   * @returns whether to try the other version at once
   */
  failed(code: unknown): boolean {
    const other = this.current === 5 ? 4 : 5
    const refused = WRONG_VERSION.includes(code)
    // Old brokers may hang up on a version they do not know, without CONNACK: the next attempt offers the other one.
    if (refused || (code === undefined && !this.#isProven)) this.current = other
    return refused && other === 4
  }
}
