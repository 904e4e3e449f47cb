import type { RequestHandlers } from '../control/requests.ts'
import { explainName } from '../diagnostics/explain-name.ts'
import { dumpRules } from '../interception/dump-rules.ts'
import type { LocalHandlers } from '../local/socket.ts'
import type { Uplink } from '../platform/uplink.ts'
import { specialNames } from '../query/special-names.ts'
import type { TelemetryLoop } from '../telemetry/telemetry-loop.ts'
import type { Answering } from './answering.ts'
import type { Context } from './context.ts'
import type { ControlService } from './control-service.ts'
import type { Decision } from './decision.ts'
import type { HealthService } from './health-service.ts'
import type { InterceptionService } from './interception-service.ts'
import type { ListService } from './list-service.ts'
import { measuredProtection, modemStatus, type StatusSources } from './status.ts'
import { supportBundle } from './support-bundle.ts'

export interface HandlersOptions {
  readonly sources: StatusSources
  readonly uplink: Uplink
  readonly list: ListService
  readonly answering: Pick<Answering, 'upstream' | 'resolvers'>
  readonly health: Pick<HealthService, 'full'>
  readonly interception: Pick<InterceptionService, 'backend'>
  readonly telemetry: Pick<TelemetryLoop, 'report'>
  readonly control: Pick<ControlService, 'sync'>
  readonly decision: Pick<Decision, 'take'>
}

/** What the command line, rpcd, hotplug and the operator's support may ask of the modem. */
export interface Handlers {
  readonly local: LocalHandlers
  readonly remote: RequestHandlers
}

export function createHandlers({ config, log, ring, run }: Context, options: HandlersOptions): Handlers {
  const { sources, uplink, list, answering, health, interception, telemetry, control, decision } = options
  const { lines } = sources
  const special = specialNames(list.policy, config.dns.localZones, config.dns.resolverBypass)
  const status = () => modemStatus(sources)
  const check = async (name: string) => ({
    ...(await explainName(name, {
      matcher: list.matcher,
      upstream: answering.upstream,
      special,
      warningPages: config.upstream.warningPages,
      protection: () => measuredProtection(sources),
    })),
    listeners: config.dns.listen,
  })
  const support = async () => {
    const rules = await dumpRules(run, interception.backend)
    return supportBundle(sources, { listHead: list.head, rules, log: ring.lines() })
  }
  const activeInterface = (name: string | null) => {
    const before = lines.active?.id
    uplink.set(name)
    log.info('uplink', { interface: name })
    const line = lines.active?.id
    if (line !== before) telemetry.report(before)
    void decision.take()
    void answering.resolvers.refresh()
    return { interface: name, line: line ?? null }
  }
  return {
    local: { status, check, support, activeInterface, selfTest: () => health.full() },
    remote: {
      status,
      'self-test': () => health.full(),
      'check-name': ({ name = '' }) => check(name),
      'support-bundle': support,
      sync: () => control.sync(),
    },
  }
}
