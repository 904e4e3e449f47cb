import { listState } from '../blocklist/update/list-state.ts'
import type { LineMeasurement } from '../control/reported.ts'
import { allCells } from '../health/self-test-cells.ts'
import { lineOf } from '../line/store.ts'
import type { QueryCounts } from '../telemetry/query-counts.ts'
import type { QueryThreads } from '../threads/query-threads.ts'
import type { ModemUpstream } from '../upstream/modem-upstream.ts'
import { version } from '../version.ts'
import type { Context } from './context.ts'
import type { ControlService } from './control-service.ts'
import type { Decision } from './decision.ts'
import type { HealthService } from './health-service.ts'
import type { InterceptionService } from './interception-service.ts'
import type { ListService } from './list-service.ts'
import type { ModemLines } from './modem-lines.ts'

/** The parts that know what is to be told. */
export interface StatusSources extends Pick<Context, 'config' | 'bootId'> {
  readonly lines: ModemLines
  readonly decision: Pick<Decision, 'last'>
  readonly list: Pick<ListService, 'status' | 'ageSeconds'>
  readonly interception: Pick<InterceptionService, 'status'>
  readonly health: Pick<HealthService, 'last'>
  readonly control: Pick<ControlService, 'status'>
  readonly counts: QueryCounts
  readonly upstream: Pick<ModemUpstream, 'stats'>
  readonly threads: QueryThreads | null
}

/** The measured state: with interception, what the kernel holds now, not what was decided. */
export function measuredProtection({
  decision,
  config,
  interception,
}: Pick<StatusSources, 'decision' | 'config' | 'interception'>): { protecting: boolean; why: string } {
  const { intercepting, why } = decision.last
  if (!intercepting || config.interception.interfaces.length === 0) return { protecting: intercepting, why }
  const isArmed = (interception.status()?.armed.length ?? 0) > 0
  return isArmed ? { protecting: true, why } : { protecting: false, why: 'not-armed' }
}

/** Of one line, for its `reported`. */
export function measureLine(sources: StatusSources, lineId: string): LineMeasurement {
  const { config, lines, health } = sources
  const list = sources.list.status
  const lease = sources.interception.status()
  const active = lines.active?.id === lineId
  const access = config.lines.find(({ id }) => id === lineId)?.access ?? 'fixed'
  return {
    access,
    active,
    ...(active ? measuredProtection(sources) : { protecting: false, why: 'line-not-active' }),
    interfaces: { armed: lease?.armed ?? [], refused: lease?.refused ?? [] },
    list: {
      name: config.list.name,
      state: listState(list),
      ...(list.issuedAt > 0 && { issuedAt: list.issuedAt }),
      ...(list.version !== null && { version: list.version, names: list.names }),
      allow: list.allow,
      phase: list.phase,
      ...(list.lastError !== null && { code: list.lastError }),
    },
    selfTest: health.last?.cells ?? allCells('unknown'),
  }
}

/** Everything, for `securenet status`, ubus and the request of that name. */
export function modemStatus(sources: StatusSources) {
  const { config, bootId, lines, list, interception, health, control, counts, threads, upstream } = sources
  return {
    version,
    modemId: config.modemId,
    bootId,
    ...measuredProtection(sources),
    since: Math.floor(sources.decision.last.since / 1000),
    activeLine: lines.active?.id ?? null,
    lines: Object.fromEntries(
      config.lines.map(({ id }) => {
        const { document: _, ...line } = lineOf(lines.book, id)
        return [id, { ...line, ...measureLine(sources, id) }]
      }),
    ),
    list: { ...list.status, ageSeconds: list.ageSeconds },
    interception: interception.status(),
    selfTest: health.last,
    broker: control.status(),
    counters: counts.counters.peek(),
    // Of this thread's questions; the query threads ask beside it.
    upstreams: upstream.stats(),
    ...(threads && { threads: threads.status(counts.received) }),
    latencyMs: counts.latency.quantiles(),
    memoryBytes: process.memoryUsage.rss(),
    listeners: config.dns.listen,
  }
}
