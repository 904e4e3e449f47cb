import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parsePayload } from '../../module/control/documents/verify.ts'
import { topics } from '../../module/control/mqtt/topics.ts'
import type { Desired } from '../../module/line/types.ts'
import { EmbeddedBroker } from '../../scripts/household/broker.ts'
import { type Broker, connectBroker } from '../../scripts/operator/broker.ts'
import type { World } from '../../scripts/operator/context.ts'
import { openKeys } from '../../scripts/operator/keys.ts'
import { claimsOf, type Sign } from '../../scripts/operator/orders.ts'
import { runOperator } from '../../scripts/operator/program.ts'

const base64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')

/** Refuses what a modem's schema refuses, as the real one does; else shaped like a JWS: the fake modem does not verify (module/control and scripts/operator/signing have their own tests). */
export const fakeSign: Sign = async (kind, payload) => {
  parsePayload(kind, Buffer.from(JSON.stringify(payload)))
  return `${base64({ typ: kind })}.${base64(payload)}.c2ln`
}

/** Answers orders for its lines as a modem would, by fields that a test sets. */
export class FakeModem {
  readonly id: string
  readonly orders: Desired[] = []
  /** What it reports of an order; undefined: nothing. */
  onOrder: (order: Desired) => object | undefined = (order) => ({
    outcome: 'applied',
    protecting: order.service === 'enabled',
    ...(order.service === 'enabled' ? {} : { why: order.service }),
  })
  /** What it answers to a request; undefined: nothing. */
  onRequest: (request: Record<string, unknown>) => object | undefined = (request) => ({
    ok: true,
    result: { did: request['action'] },
  })
  #broker: Broker | undefined

  constructor(id: string) {
    this.id = id
  }

  async start(url: string, lines: readonly string[]): Promise<void> {
    const broker = await connectBroker({ url })
    this.#broker = broker
    for (const lineId of lines)
      await broker.follow(topics.desired(lineId), (_topic, payload) => {
        const order = claimsOf(payload) as Desired | undefined
        if (!order) return
        this.orders.push(order)
        const report = this.onOrder(order)
        if (report)
          void this.report(lineId, {
            generation: order.generation,
            sequence: order.sequence,
            service: order.service,
            ...report,
          })
      })
    await broker.follow(topics.request(this.id), (_topic, payload) => {
      const request = claimsOf(payload) as Record<string, unknown>
      const answer = this.onRequest(request)
      if (answer)
        void broker.publish(
          topics.response(this.id),
          JSON.stringify({ v: 1, modemId: this.id, id: request['id'], ...answer }),
          false,
        )
    })
  }

  async report(lineId: string, report: object): Promise<void> {
    await this.#broker?.publish(
      topics.reported(lineId),
      JSON.stringify({ lineId, modemId: this.id, ...report }),
      true,
    )
  }

  async present(online: boolean): Promise<void> {
    await this.#broker?.publish(
      topics.presence(this.id),
      JSON.stringify({ bootId: 'b', session: 1, online }),
      true,
    )
  }

  async stop(): Promise<void> {
    await this.#broker?.close()
  }
}

/** A broker on a free port, a profile for it, and the tool run in-process. */
export class CliBench {
  readonly folder = mkdtempSync(join(tmpdir(), 'securenet-cli-'))
  readonly profileFile = join(this.folder, 'operator.json')
  readonly modem = new FakeModem('modem-1')
  url = ''
  readonly now = Date.UTC(2026, 10, 22)
  answer: string | null = null
  asked: string[] = []
  /** While a person thinks. */
  onAsk: () => Promise<unknown> = async () => undefined
  sign: Sign | undefined = fakeSign
  interrupt = () => {}
  /** What the run that started last has printed so far. */
  shown = ''
  readonly #broker = new EmbeddedBroker({
    what: 'MQTT',
    protocol: 'TCP',
    address: '127.0.0.1',
    port: 0,
    variable: '',
  })

  async start(lines: readonly string[]): Promise<void> {
    this.url = await this.#broker.start()
    writeFileSync(this.profileFile, JSON.stringify({ url: this.url, keysDir: 'keys', archiveDir: 'archive' }))
    await this.modem.start(this.url, lines)
  }

  async stop(): Promise<void> {
    await this.modem.stop()
    await this.#broker.stop()
    rmSync(this.folder, { recursive: true })
  }

  async run(...args: string[]) {
    let out = ''
    let err = ''
    this.shown = ''
    const world: Partial<World> = {
      terminal: {
        out: (text) => {
          out += text
          this.shown = out
        },
        err: (text) => {
          err += text
        },
        ask: async (question) => {
          this.asked.push(question)
          await this.onAsk()
          return this.answer
        },
        live: false,
      },
      env: { SECURENET_PROFILE: this.profileFile },
      now: () => this.now,
      connect: connectBroker,
      interrupted: () =>
        new Promise((resolve) => {
          this.interrupt = resolve
        }),
    }
    const { sign } = this
    world.openSigner = sign
      ? async () => ({ sign, verify: async (_kind, jws) => claimsOf(jws) as never })
      : openKeys
    const exit = await runOperator(args, world as World)
    return { exit, out, err, json: () => JSON.parse(out) }
  }

  /** Straight to the broker, past the tool. */
  async other(act: (broker: Broker) => Promise<void>): Promise<void> {
    const broker = await connectBroker({ url: this.url })
    await act(broker)
    await broker.close()
  }
}
