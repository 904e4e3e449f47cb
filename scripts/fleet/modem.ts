import { systemClock } from '../../module/base/clock.ts'
import type { Log } from '../../module/base/log.ts'
import { Control, loadControl } from '../../module/control/control.ts'
import type { LineMeasurement } from '../../module/control/reported.ts'
import { emptyBook, type LineBook, lineOf, mustBeGone } from '../../module/line/store.ts'
import { MemoryFs } from './memory-fs.ts'
import { MemoryList } from './memory-list.ts'

export interface ModemOptions {
  index: number
  url: string
  rootsFile: string
  list: string
  keepaliveSeconds: number
  onConnected: () => void
  onList: (version: number) => void
  onError: (error: unknown) => void
}

export const modemIdOf = (index: number) => `m${index}`
export const lineIdOf = (index: number) => `l${index}`

const nothing = () => undefined
const pass = {
  udp4: 'skipped',
  tcp4: 'skipped',
  udp6: 'skipped',
  tcp6: 'skipped',
  page: 'skipped',
  forward: 'skipped',
} as const

/**
 * One modem of the simulated fleet: the module's own Control (session, keys, twin, requests, list feed) as it is built
 * into the daemon. There is no DNS, no flash and no kernel: "protecting" means that the order says so and the list is here.
 */
export class SimulatedModem {
  readonly #options: ModemOptions
  #control: Control | undefined
  #list: MemoryList | undefined
  #book: LineBook = emptyBook
  #head: Parameters<MemoryList['onHead']>[0] | undefined

  constructor(options: ModemOptions) {
    this.#options = options
  }

  /** Connections tried so far. */
  get attempts(): number {
    return this.#control?.status().session ?? 0
  }

  async start(): Promise<void> {
    const { index, list, onList, onError } = this.#options
    const fs = new MemoryFs()
    const bootId = `boot-${index}`
    const common = { clock: systemClock, log: this.#log(), fs }
    const config = this.#config('/modem')
    const { trust, ...stored } = await loadControl({ ...common, config, buildTime: 0, boot: bootId })
    if (!trust) throw new Error(`no roots in ${config.trust.rootsFile}`)
    this.#control = new Control({
      ...common,
      ...stored,
      trust,
      config,
      identity: { modemId: modemIdOf(index), bootId, version: 'simulated' },
      random: Math.random,
      onHead: (head) => {
        this.#head = head
        this.#considerList()
      },
      act: async (book) => {
        this.#book = book
        this.#considerList()
      },
      measure: () => this.#measure(),
      handlers: {
        status: nothing,
        'self-test': nothing,
        'check-name': nothing,
        'support-bundle': nothing,
        sync: () => this.#control?.sync(),
      },
    })
    this.#list = new MemoryList({
      list,
      modemId: modemIdOf(index),
      lineId: lineIdOf(index),
      source: this.#control.chunks,
      clock: systemClock,
      onSwitch: (version) => {
        onList(version)
        this.#control?.changed()
      },
      onError,
    })
    await this.#control.start()
  }

  async stop(): Promise<void> {
    await this.#control?.stop()
  }

  /** A modem that no line needs fetches no list (module/daemon/daemon.ts). */
  #considerList(): void {
    if (this.#head && !mustBeGone(this.#book, [lineIdOf(this.#options.index)]).list)
      this.#list?.onHead(this.#head)
  }

  #config(dataDir: string) {
    const { index, url, rootsFile, list, keepaliveSeconds } = this.#options
    return {
      modemId: modemIdOf(index),
      dataDir,
      lines: [{ id: lineIdOf(index), access: 'fixed', interface: 'wan' }],
      list: { name: list, quotaBytes: 0, probationSeconds: 0, chunkTimeoutMs: 30_000 },
      trust: { rootsFile },
      mqtt: { url, keepaliveSeconds },
    } as const
  }

  #measure(): LineMeasurement {
    const { service } = lineOf(this.#book, lineIdOf(this.#options.index))
    const version = this.#list?.version
    const enabled = service === 'enabled'
    const protecting = enabled && version !== undefined
    return {
      access: 'fixed',
      active: true,
      protecting,
      why: protecting ? 'protecting' : enabled ? 'list-missing' : service,
      interfaces: { armed: [], refused: [] },
      list: {
        name: this.#options.list,
        state: version === undefined ? 'none' : 'verified',
        ...(version !== undefined && { version, names: this.#list?.names ?? 0 }),
      },
      selfTest: pass,
    }
  }

  #log(): Log {
    const { onConnected, onError } = this.#options
    const complain: Log['warn'] = (event, fields) => {
      // A broker that restarts is what is measured; everything else is not expected here.
      if (event !== 'mqtt-disconnected') onError(`${event} ${JSON.stringify(fields)}`)
    }
    return {
      debug: nothing,
      info: (event) => {
        if (event === 'mqtt-connected') onConnected()
      },
      warn: complain,
      error: complain,
    }
  }
}
