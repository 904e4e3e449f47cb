import { listState } from '../blocklist/list-state.ts'
import type { Updater } from '../blocklist/update/updater.ts'
import type { Config } from '../config/config.ts'
import type { Control } from '../control/control.ts'
import type { Measured } from '../control/reported.ts'
import type { SelfTestResult } from '../health/self-test.ts'
import type { LeaseStatus } from '../interception/lease.ts'
import { type LineBook, lineOf } from '../line/store.ts'
import type { QueryCounts } from '../telemetry/query-counts.ts'
import type { ThreadStatus } from '../threads/query-threads.ts'
import { version } from '../version.ts'

/** What the parts of a modem say at one moment; null or undefined where a part is not there (yet). */
export interface ModemView {
  config: Config
  bootId: string
  book: LineBook
  /** The line that carries the traffic. */
  activeLine: string | null
  /** What was decided last, and since when (ms). */
  decision: { armed: boolean; why: string; since: number }
  list: ReturnType<Updater['status']> | undefined
  listAgeSeconds: number | null
  lease: LeaseStatus | null
  selfTest: SelfTestResult | null
  broker: ReturnType<Control['status']> | null
  counts: QueryCounts
  threads: readonly ThreadStatus[] | null
}

/** What is, not what was decided: with interception, only what the kernel holds counts. */
export function protecting({ decision, config, lease }: ModemView): { protecting: boolean; why: string } {
  const { armed, why } = decision
  if (!armed || config.interception.interfaces.length === 0) return { protecting: armed, why }
  const isArmed = (lease?.armed.length ?? 0) > 0
  return isArmed ? { protecting: true, why } : { protecting: false, why: 'not-armed' }
}

const untested = {
  udp4: 'unknown',
  tcp4: 'unknown',
  udp6: 'unknown',
  tcp6: 'unknown',
  page: 'unknown',
  forward: 'unknown',
} as const

/** Of one line, for its `reported`. */
export function measured(view: ModemView, lineId: string): Measured {
  const { config, list, lease, selfTest } = view
  const active = view.activeLine === lineId
  return {
    active,
    ...(active ? protecting(view) : { protecting: false, why: 'line-not-active' }),
    interfaces: { armed: lease?.armed ?? [], refused: lease?.refused ?? [] },
    list: {
      name: config.list.name,
      state: listState(list),
      ...(list?.version != null && { version: list.version, names: list.names }),
      ...(list && { phase: list.phase }),
      ...(list?.lastError != null && { code: list.lastError }),
    },
    selfTest: selfTest?.cells ?? untested,
  }
}

/** Everything, for `securenet status`, ubus and the request of that name. */
export function modemStatus(view: ModemView) {
  const { config, bootId, book, activeLine, list, listAgeSeconds, lease, selfTest, broker, counts } = view
  return {
    version,
    modemId: config.modemId,
    bootId,
    ...protecting(view),
    activeLine,
    lines: Object.fromEntries(
      config.lines.map(({ id }) => [id, { ...lineOf(book, id), ...measured(view, id) }]),
    ),
    list: { ...list, ageSeconds: listAgeSeconds },
    interception: lease,
    selfTest,
    broker,
    counters: counts.counters.peek(),
    ...(view.threads && { threads: view.threads }),
    latencyMs: counts.latency.quantiles(),
    memoryBytes: process.memoryUsage.rss(),
    listeners: config.dns.listen,
  }
}

/** A broker's address may carry a name and a password; keys are named by their files, whose content is nobody's. */
function withoutSecrets(config: Config): Config {
  if (!config.mqtt) return config
  const url = new URL(config.mqtt.url)
  url.username = ''
  url.password = ''
  return { ...config, mqtt: { ...config.mqtt, url: url.href } }
}

export interface SupportExtras {
  listHead: unknown
  rules: string | null
  /** The newest lines of the log. */
  log: readonly string[]
}

/** No browsing history: what is logged at `debug` names sites, everything else here names none. */
export function supportBundle(view: ModemView, { listHead, rules, log }: SupportExtras) {
  return {
    status: modemStatus(view),
    config: withoutSecrets(view.config),
    listHead,
    rules,
    counters: view.counts.counters.peek(),
    log: log.filter((line) => !line.startsWith('debug ')),
  }
}
