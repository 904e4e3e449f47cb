import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parsePayload } from '../../module/control/documents/verify.ts'
import { topics } from '../../module/control/mqtt/topics.ts'
import { contentDigest } from '../../module/line/digest.ts'
import type { Desired, FleetOrder } from '../../module/line/types.ts'
import { EmbeddedBroker } from '../../scripts/household/broker.ts'
import type { Broker } from '../../scripts/operator/broker.ts'
import type { World } from '../../scripts/operator/context.ts'
import { openKeys, type Signer } from '../../scripts/operator/keys.ts'
import { connectBroker } from '../../scripts/operator/mqtt/connect.ts'
import { claimsOf, type Sign } from '../../scripts/operator/orders.ts'
import type { Profile } from '../../scripts/operator/profile.ts'
import { runOperator } from '../../scripts/operator/program.ts'
import { openStore } from '../../scripts/operator/register/open-store.ts'
import { Register } from '../../scripts/operator/register/register.ts'

const base64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')

/** Refuses what a modem's schema refuses, as the real one does; else shaped like a JWS: the fake modem does not verify (module/control and scripts/operator/signing have their own tests). */
export const fakeSign: Sign = async (kind, payload) => {
  parsePayload(kind, Buffer.from(JSON.stringify(payload)))
  return `${base64({ typ: kind })}.${base64(payload)}.c2ln`
}

/** A report that is right by its schema, with what a test says of it. */
export const reportOf = (lineId: string, modemId: string, said: object) => ({
  ...{ v: 1, lineId, modemId, bootId: 'b', at: 1_795_305_600, generation: 0, sequence: 0 },
  ...{ service: 'dormant', reason: 'never-ordered', by: 'modem', outcome: 'none' },
  ...{ protecting: false, why: 'dormant', ...said },
})

/** Answers orders for its lines as a modem would, by fields that a test sets. */
export class FakeModem {
  readonly id: string
  readonly orders: Desired[] = []
  /** What it reports of an order; undefined: nothing. */
  onOrder: (order: Desired) => object | undefined = (order) => ({
    outcome: 'applied',
    protecting: order.service === 'enabled',
    why: order.service === 'enabled' ? 'protecting' : order.service,
  })
  /** Whether it obeys the fleet. */
  onFleet: (order: FleetOrder) => boolean = () => true
  /** What it answers to a request; undefined: nothing. */
  onRequest: (request: Record<string, unknown>) => object | undefined = (request) => ({
    ok: true,
    result: { did: request['action'] },
  })
  readonly #last = new Map<string, object>()
  readonly #inForce = new Map<string, Desired>()
  #fleet: object = {}
  #broker: Broker | undefined

  constructor(id: string) {
    this.id = id
  }

  async start(url: string, lines: readonly string[]): Promise<void> {
    const broker = await connectBroker({ url })
    this.#broker = broker
    for (const lineId of lines)
      await broker.follow(topics.desired(lineId), (_topic, payload) => this.#hear(lineId, payload))
    await broker.follow(topics.fleet(), (_topic, payload) => this.#hearFleet(payload))
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

  #hear(lineId: string, payload: Buffer): void {
    const order = claimsOf(payload) as Desired | undefined
    if (!order) return
    this.orders.push(order)
    const before = this.#inForce.get(lineId)
    const isConflict =
      before?.generation === order.generation &&
      before.sequence === order.sequence &&
      contentDigest(before) !== contentDigest(order)
    if (isConflict) {
      const refused = { ...this.#last.get(lineId), outcome: 'rejected', code: 'LINE_CONFLICT' }
      return void this.report(lineId, refused)
    }
    const said = this.onOrder(order)
    if (!said) return
    this.#inForce.set(lineId, order)
    const { generation, sequence, service, reason, by } = order
    const isOther = 'sequence' in said || 'generation' in said
    const digest = isOther ? {} : { digest: contentDigest(order) }
    void this.report(lineId, { generation, sequence, service, reason, by, ...digest, ...said })
  }

  #hearFleet(payload: Buffer): void {
    const order = claimsOf(payload) as FleetOrder | undefined
    if (!order || !this.onFleet(order)) return
    const { sequence, mode } = order
    this.#fleet = { fleet: mode, fleetOrder: { epoch: 1, sequence, digest: contentDigest(order) } }
    for (const [lineId, said] of this.#last) void this.report(lineId, said)
  }

  async report(lineId: string, said: object): Promise<void> {
    this.#last.set(lineId, said)
    const report = reportOf(lineId, this.id, { ...this.#fleet, ...said })
    await this.#broker?.publish(topics.reported(lineId), JSON.stringify(report), true)
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
  now = Date.UTC(2026, 10, 22)
  answer: string | null = null
  asked: string[] = []
  /** When the number of an order is chosen, and not yet claimed. */
  beforeClaim: () => Promise<unknown> = async () => undefined
  /** While a person thinks. */
  onAsk: () => Promise<unknown> = async () => undefined
  sign: Sign | undefined = fakeSign
  interrupt = () => {}
  /** What the run that started last has printed so far. */
  shown = ''
  env: NodeJS.ProcessEnv = {}
  #isEmbedded = true
  readonly #broker = new EmbeddedBroker({
    what: 'MQTT',
    protocol: 'TCP',
    address: '127.0.0.1',
    port: 0,
    variable: '',
  })

  /** @param url of another broker than the embedded one */
  async start(lines: readonly string[], url?: string): Promise<void> {
    this.url = url ?? (await this.#broker.start())
    this.#isEmbedded = url === undefined
    this.profile()
    await this.modem.start(this.url, lines)
  }

  /** From now on, with these options beside or instead of the usual ones. */
  profile(change: Partial<Profile> = {}): void {
    const usual = { url: this.url, keysDir: 'keys', archiveDir: 'archive' }
    writeFileSync(this.profileFile, JSON.stringify({ ...usual, ...change }))
  }

  async stop(): Promise<void> {
    await this.modem.stop()
    if (this.#isEmbedded) await this.#broker.stop()
    rmSync(this.folder, { recursive: true })
  }

  /** The register of the profile, past the tool. */
  async register<T>(act: (register: Register) => Promise<T>): Promise<T> {
    const register = new Register(await openStore(join(this.folder, 'register')), () => this.now)
    try {
      return await act(register)
    } finally {
      await register.close()
    }
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
      env: { SECURENET_PROFILE: this.profileFile, ...this.env },
      now: () => this.now,
      connect: connectBroker,
      openRegister: async ({ register }) => new Register(await openStore(register), () => this.now),
      interrupted: () =>
        new Promise((resolve) => {
          this.interrupt = resolve
        }),
    }
    const { sign } = this
    const signer = sign
      ? async () => ({ sign, verify: async (_kind: unknown, jws: Buffer) => claimsOf(jws) as never })
      : openKeys
    world.openSigner = async (profile) => {
      const opened: Signer = await signer(profile)
      const signed: Sign = async (kind, payload) => {
        if (kind === 'desired') await this.beforeClaim()
        return opened.sign(kind, payload)
      }
      return { ...opened, sign: signed }
    }
    const exit = await runOperator(args, world as World)
    return { exit, out, err, json: () => JSON.parse(out) }
  }

  /** What is retained under a filter: of a small broker in this process, which answers at once. */
  async retained(filter: string): Promise<Map<string, Buffer>> {
    const found = new Map<string, Buffer>()
    await this.other(async (broker) => {
      await broker.follow(filter, (topic, payload) => {
        if (payload.length > 0) found.set(topic, payload)
      })
      // The broker has sent what it retains before it answers this.
      await broker.read('test/none')
    })
    return found
  }

  /** Straight to the broker, past the tool. */
  async other(act: (broker: Broker) => Promise<void>): Promise<void> {
    const broker = await connectBroker({ url: this.url })
    await act(broker)
    await broker.close()
  }
}
