import { randomBytes } from 'node:crypto'
import { topics } from '../../../module/control/mqtt/topics.ts'
import type { Broker, BrokerAddress } from '../broker.ts'
import { failure } from '../exit.ts'
import { type ConnectOptions, connectBroker } from '../mqtt/connect.ts'

/** `weak`: it works, with what is said; `missing`: it does not; `not tried`: what it needs was not given. */
export type Verdict = 'ok' | 'weak' | 'missing' | 'not tried'

export interface Finding {
  what: string
  verdict: Verdict
  found: string
  /** Of all but `ok`. */
  follows: string
}

/** What one check finds; `verdict` and `found`. */
export type Found = [Verdict, string]

export interface Check {
  what: string
  /** What follows if it is weak or missing. */
  follows: string
  run(): Promise<Found>
}

export interface ModemAccount {
  modemId: string
  lineId: string
  certFile: string
  keyFile: string
}

/** Connections and names of one run; every topic that is written is cleared at its end. */
export class Bench {
  readonly address: BrokerAddress
  readonly broker: Broker
  readonly answerMs: number
  /** No line, modem or list of anybody has it. */
  readonly name = `check-${randomBytes(4).toString('hex')}`
  readonly #opened: Broker[] = []
  readonly #written = new Set<string>()

  constructor(address: BrokerAddress, broker: Broker, answerMs: number) {
    this.address = address
    this.broker = broker
    this.answerMs = answerMs
  }

  /** A second connection, by the operator's account where no other is given. */
  async open(options: ConnectOptions & { as?: Partial<BrokerAddress> } = {}): Promise<Broker> {
    const { as, ...rest } = options
    const versions = [this.broker.limits.protocol === '5' ? 5 : 4] as const
    const broker = await connectBroker(
      { ...this.address, ...as },
      { answerMs: this.answerMs, versions, ...rest },
    )
    this.#opened.push(broker)
    return broker
  }

  /** Retained until the end of the run. */
  async put(topic: string, payload: string | Buffer): Promise<void> {
    this.#written.add(topic)
    await this.broker.publish(topic, payload, true)
  }

  will(topic: string): void {
    this.#written.add(topic)
  }

  chunk(index: number): string {
    return topics.snapshot(this.name, 1, index)
  }

  async end(): Promise<void> {
    await Promise.all(
      [...this.#written].map((topic) => this.broker.publish(topic, '', true).catch(() => undefined)),
    )
    for (const broker of this.#opened) await broker.close()
  }
}

/** Messages that came within `ms` of silence, or as soon as there are `wanted`. */
export async function hearAll(
  broker: Broker,
  filter: string,
  options: { wanted: number; quietMs: number; act?: () => Promise<void> },
): Promise<number> {
  let count = 0
  let heardAt = performance.now()
  const end = await broker.follow(filter, (_topic, payload) => {
    if (payload.length === 0) return
    count++
    heardAt = performance.now()
  })
  await options.act?.()
  heardAt = performance.now()
  while (count < options.wanted && performance.now() - heardAt < options.quietMs)
    await Promise.race([new Promise((resolve) => setTimeout(resolve, 20)), broker.lost])
  await end()
  return count
}

/** One after the other: they share the connection. A check that throws is missing, with its error. */
export async function runChecks(
  checks: readonly Check[],
  onDone: (done: number) => void,
): Promise<Finding[]> {
  const findings: Finding[] = []
  for (const { what, follows, run } of checks) {
    const [verdict, found] = await run().catch((error): Found => {
      const { code, message } = failure(error)
      return ['missing', `${code}: ${message}`]
    })
    findings.push({ what, verdict, found, follows: verdict === 'ok' ? '' : follows })
    onDone(findings.length)
  }
  return findings
}
