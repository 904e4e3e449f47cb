import type { LocalNetworks } from '../base/local-networks.ts'
import { type BlockPage, createBlockPage } from '../blockpage/server.ts'
import { categories, categoryName, RESOLVER_BYPASS } from '../category.ts'
import { passthroughEndpoint, serviceEndpointsOf } from '../interception/service.ts'
import { OriginConnector } from '../passthrough/origin-connector.ts'
import { Passthrough } from '../passthrough/passthrough.ts'
import { reachable } from '../passthrough/public-address.ts'
import type { Counters } from '../telemetry/counters.ts'
import type { BlockedNames } from './blocked-names.ts'
import type { Context } from './context.ts'
import type { ControlService } from './control-service.ts'
import type { Decided } from './decision.ts'
import type { InterceptionService } from './interception-service.ts'
import type { Part } from './lifecycle.ts'
import type { ListService } from './list-service.ts'
import { measuredProtection } from './status.ts'

export interface PageOptions {
  readonly list: Pick<ListService, 'policy' | 'status' | 'ageSeconds' | 'offeredAt'>
  readonly blockedNames: Pick<BlockedNames, 'blockedAs' | 'asked' | 'unseen'>
  readonly counters: Pick<Counters, 'lastDays'>
  readonly control: Pick<ControlService, 'status'>
  readonly upstream: ConstructorParameters<typeof OriginConnector>[0]['upstream']
  readonly networks: LocalNetworks
  readonly interception: Pick<InterceptionService, 'status' | 'passthroughGate'>
  readonly decision: () => Decided
}

/** The block page, and the way past it for a while after filtering went off. */
export interface Page {
  /** Null where nothing is intercepted: the kernel leads no device's port 443 here. */
  readonly passthrough: Passthrough | null
  readonly page: BlockPage
  /** In order of start. */
  readonly parts: readonly (readonly [string, Part])[]
}

/** Characters at the end of the modem's name that a page shows: a helpdesk knows the line, and checks that it is this modem. */
const SHORT_ID = 6

const resolverBypass = categoryName(RESOLVER_BYPASS)

export function createPage(context: Context, options: PageOptions): Page {
  const { config, clock, log } = context
  const { list, blockedNames, counters, control, interception, decision } = options
  const testNames = categories.map((category) => `${category}.${config.dns.testZone}`)
  const passthrough =
    config.interception.interfaces.length > 0 ? createPassthrough(context, options, testNames) : null
  const { listen, branding } = config.page
  const page = createBlockPage({
    ...{ listen, branding, clock, log },
    data: {
      blockedAs: (name) => (list.policy.filtering ? blockedNames.blockedAs(name) : null),
      status: () => ({
        ...measuredProtection({ config, interception, decision: { last: decision() } }),
        since: decision().since,
        modem: config.modemId.slice(-SHORT_ID),
        listVersion: list.status.version,
        listAgeSeconds: list.ageSeconds,
        // A new head comes at once over a connection that stands.
        listCheckedAt: control.status()?.connected ? clock.now() : list.offeredAt,
        days: counters.lastDays(),
        unseen: blockedNames.unseen,
        testNames: testNames.filter((name) => !name.startsWith(`${resolverBypass}.`)),
      }),
      asked: (name) => blockedNames.asked(name),
    },
    ...(passthrough && { front: passthrough.front }),
  })
  const parts: [string, Part][] = [['page', page]]
  if (passthrough) parts.unshift(['passthrough', { start: () => {}, stop: () => passthrough.close() }])
  return { passthrough, page, parts }
}

/** For names that led to the page until now; never for those that led nowhere. */
function createPassthrough(
  { config, clock, log }: Context,
  { list, blockedNames, upstream, networks, interception }: PageOptions,
  testNames: readonly string[],
): Passthrough {
  const { page4, page6 } = serviceEndpointsOf(config)
  return new Passthrough({
    listen: [page4, page6].flatMap((page) => (page ? [passthroughEndpoint(page)] : [])),
    passes: (name) => {
      // The self-test asks the page for a test name; no site is behind any of them.
      if (list.policy.filtering || testNames.includes(name)) return false
      const category = blockedNames.blockedAs(name)?.category
      return category !== undefined && category !== resolverBypass
    },
    site: new OriginConnector({ upstream, clock, allowed: (found) => reachable(found, networks) }),
    gate: interception.passthroughGate,
    clock,
    log,
  })
}
