import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { categories } from '../../module/category.ts'
import { topics } from '../../module/control/mqtt/topics.ts'
import type { Desired } from '../../module/line/types.ts'
import type { Broker } from '../operator/broker.ts'
import { publishKeys, signerOf } from '../operator/keys.ts'
import { Archive } from '../operator/list/archive.ts'
import { buildNext, publishVersion } from '../operator/list-publish.ts'
import { connectBroker } from '../operator/mqtt/connect.ts'
import { parseReported, type Reported } from '../operator/reported.ts'
import { KeyFolder } from '../operator/signing/key-folder.ts'
import { programTools } from '../operator/tools.ts'
import { lineIdOf } from './modem.ts'

const phishing = categories.indexOf('phishing')
const AT_ONCE = 64

export const now = () => performance.timeOrigin + performance.now()

/** An order to every line, and when what was seen, ms after its publication. */
export interface OrderRun {
  /** The modem reports the order's numbers. */
  applied: number[]
  /** And measures what was ordered. */
  settled: number[]
}

interface Awaited {
  sequence: number
  protecting: boolean
  published: number
  applied?: number
  settled?: number
}

/** The operator's side, made of the operator tool's own parts. */
export class FleetBackend {
  readonly list = 'fleet'
  readonly rootsFile: string
  readonly #url: string
  readonly #archive: Archive
  readonly #keysDir: string
  readonly #registerDir: string
  readonly #awaited = new Map<string, Awaited>()
  #keys: KeyFolder | undefined
  #broker: Broker | undefined
  #sequence = 0
  /** When the last head went out. */
  #headAt = 0
  #traffic = { received: 0, sent: 0 }

  constructor(url: string, folder: string) {
    this.#url = url
    this.rootsFile = join(folder, 'roots.json')
    this.#keysDir = join(folder, 'keys')
    this.#registerDir = join(folder, 'register')
    this.#archive = new Archive(join(folder, 'archive'), this.list)
  }

  /** Keys are retained when it resolves. */
  async start(): Promise<void> {
    this.#keys = await KeyFolder.create(this.#keysDir, { now: Math.floor(Date.now() / 1000) })
    writeFileSync(this.rootsFile, JSON.stringify(this.#keys.roots))
    await this.connect()
    await publishKeys(this.broker, this.#keys.documents)
  }

  async connect(): Promise<void> {
    const broker = await connectBroker({ url: this.#url })
    this.#broker = broker
    await broker.follow(topics.reported('+'), (topic, payload) =>
      this.#hear(parseReported(payload, topic.split('/').at(-2) ?? '')),
    )
    await broker.follow('$SYS/broker/bytes/+', (topic, payload) => {
      const bytes = Number(payload.toString())
      if (topic.endsWith('/received')) this.#traffic.received = bytes
      if (topic.endsWith('/sent')) this.#traffic.sent = bytes
    })
  }

  async stop(): Promise<void> {
    await this.#broker?.close().catch(() => undefined)
    this.#broker = undefined
  }

  get broker(): Broker {
    if (!this.#broker) throw new Error('not connected')
    return this.#broker
  }

  /** Bytes of MQTT that the broker has counted since its start; it tells once a second. */
  async traffic(): Promise<{ received: number; sent: number }> {
    await sleep(2300)
    return { ...this.#traffic }
  }

  #hear(reported: Reported | undefined): void {
    const awaited = reported && this.#awaited.get(reported.lineId)
    if (!awaited || reported.sequence < awaited.sequence) return
    const ms = now() - awaited.published
    awaited.applied ??= ms
    if (reported.protecting === awaited.protecting) awaited.settled ??= ms
  }

  /**
   * The next order to lines 0 to count-1, signed beforehand.
   * @param rate orders a second; Infinity: as fast as the broker takes them
   */
  async orderAll(
    count: number,
    service: 'enabled' | 'disabled',
    { rate, timeoutMs }: { rate: number; timeoutMs: number },
  ): Promise<OrderRun> {
    const sequence = ++this.#sequence
    const orders: string[] = []
    for (let index = 0; index < count; index++) orders.push(await this.#order(index, service, sequence))
    this.#awaited.clear()
    const begin = now()
    const waiting: Promise<void>[] = []
    for (const [index, jws] of orders.entries()) {
      const due = begin + (index * 1000) / rate - now()
      if (due > 1) await sleep(due)
      const lineId = lineIdOf(index)
      this.#awaited.set(lineId, { sequence, protecting: service === 'enabled', published: now() })
      waiting.push(this.broker.publish(topics.desired(lineId), jws, true))
      if (waiting.length >= AT_ONCE) await Promise.all(waiting.splice(0, AT_ONCE / 2))
    }
    await Promise.all(waiting)
    const all = [...this.#awaited.values()]
    for (const end = now() + timeoutMs; now() < end; await sleep(50))
      if (all.every(({ settled }) => settled !== undefined)) break
    return {
      applied: all.flatMap(({ applied }) => applied ?? []),
      settled: all.flatMap(({ settled }) => settled ?? []),
    }
  }

  #order(index: number, service: 'enabled' | 'disabled', sequence: number): Promise<string> {
    const order: Desired = {
      v: 1,
      lineId: lineIdOf(index),
      generation: 1,
      sequence,
      service,
      reason: 'support',
      by: 'operator',
      issuedAt: Math.floor(Date.now() / 1000),
    }
    return signerOf(this.#signingKeys).sign('desired', order)
  }

  get #signingKeys(): KeyFolder {
    if (!this.#keys) throw new Error('not started')
    return this.#keys
  }

  /**
   * Builds and publishes the next version with made-up names, by the operator's builder.
   * @param newKey under a fresh hash key, so that every modem takes the snapshot
   */
  async publishList(names: number, { newKey, spreadSeconds }: { newKey: boolean; spreadSeconds: number }) {
    const source = Array.from({ length: names }, (_, i) => `host-${i}.fleet-${i % 997}.example`).join('\n')
    const { release, save } = await buildNext(this.#archive, this.list, {
      inputs: [{ name: 'made up', source, category: phishing, format: 'domains' }],
      newKey,
    })
    await save()
    const broker: Broker = {
      ...this.#plain(),
      put: (topic, ...rest) => {
        if (topic === topics.head(this.list)) this.#headAt = now()
        return this.broker.put(topic, ...rest)
      },
    }
    const tools = await programTools('fleet', {
      broker,
      keys: this.#signingKeys,
      registerDir: this.#registerDir,
    })
    const { version } = release
    await publishVersion(tools, this.#archive, {
      list: this.list,
      version,
      spreadSeconds,
      progress: () => undefined,
    })
    await tools.close()
    return { release, headAt: this.#headAt }
  }

  #plain(): Broker {
    const { broker } = this
    return {
      limits: broker.limits,
      lost: broker.lost,
      publish: (...args) => broker.publish(...args),
      put: (...args) => broker.put(...args),
      follow: (...args) => broker.follow(...args),
      readAll: (...args) => broker.readAll(...args),
      read: (...args) => broker.read(...args),
      close: () => broker.close(),
      cut: () => broker.cut(),
    }
  }
}
