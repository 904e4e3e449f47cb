import type { StoredControl } from '../control/control.ts'
import { HeadKeys } from '../control/head-keys.ts'
import { StateFile } from '../platform/state-file.ts'
import type { Uplink } from '../platform/uplink.ts'
import { CounterHistory, parseStoredCounters } from '../telemetry/counter-history.ts'
import { type Answering, createAnswering } from './answering.ts'
import { BlockedNames } from './blocked-names.ts'
import type { Context } from './context.ts'
import type { ControlService } from './control-service.ts'
import { Decision } from './decision.ts'
import { HealthService } from './health-service.ts'
import { HouseholdData } from './household-data.ts'
import { InterceptionService } from './interception-service.ts'
import type { Part } from './lifecycle.ts'
import { ListService } from './list-service.ts'
import { ModemLines } from './modem-lines.ts'
import { createPage, type Page } from './page.ts'
import type { StatusSources } from './status.ts'

/** What stands between the household and its resolver. */
export interface HouseholdSide {
  readonly lines: ModemLines
  readonly list: ListService
  readonly data: HouseholdData
  readonly answering: Answering
  readonly health: HealthService
  readonly interception: InterceptionService
  readonly decision: Decision
  readonly sources: StatusSources
  /** In order of start. */
  readonly parts: readonly (readonly [name: string, part: Part])[]
}

/** None of the parts acts before it is started, so a function given to one of them may name a part that is built below it. */
export function createHouseholdSide(
  context: Context,
  { book, trust, trustedTime }: StoredControl,
  uplink: Uplink,
  control: ControlService,
): HouseholdSide {
  const lines = new ModemLines(context.config.lines, uplink, book)
  const list = new ListService({
    ...context,
    trustedTime,
    chunks: control.chunks,
    heads: new HeadKeys(trust, trustedTime),
    share: (change) => answering.threads?.change(change),
    onSwitch: () => void decision.take(),
    onStatus: () => control.changed(),
  })
  const blockedNames = new BlockedNames({
    clock: context.clock,
    matcher: list.matcher,
    noticedLine: () => lines.noticedLine,
    sendNotice: (notice) => control.notice(notice),
  })
  const answering: Answering = createAnswering(context, {
    policy: list.policy,
    uplinks: () => lines.interfaces,
    onBlocked: (blocked) => blockedNames.add(blocked),
  })
  const health = new HealthService({
    ...context,
    expectsBlock: () => list.policy.filtering,
    inThreads: async (questions) => (await answering.threads?.probe(questions)) ?? [],
    onChange: () => {
      judgeList(list, health)
      void decision.take()
    },
  })
  const interception = new InterceptionService({
    ...context,
    earned: () => health.earned(),
    ownQuestions: () => answering.counts.received,
    onChange: () => control.changed(),
  })
  const page = createPage(context, {
    ...{ list, blockedNames, interception, control, decision: () => decision.last },
    ...{ counters: answering.counts.counters, upstream: answering.upstream, networks: answering.networks },
  })
  const history = createHistory(context, answering)
  const data = new HouseholdData({ ...answering, lines, list, history, blockedNames })
  const decision = createDecision(context, { lines, list, answering, health, interception, page, control })
  return {
    ...{ lines, list, data, answering, health, interception, decision },
    sources: { ...context, ...answering, lines, decision, list, interception, health, control },
    parts: [
      ['counters', history],
      ['list', list],
      ['household data', data],
      ['blocked names', blockedNames],
      ...answering.parts,
      ...page.parts,
      ['health', health],
      ['interception', interception],
    ],
  }
}

/** By what the self-test found while the list served. */
function judgeList(list: ListService, health: HealthService): void {
  if (health.isDeaf) list.reject()
  // A modem that is switched off and on in a list's first minutes must not lose it for that.
  if (health.state === 'passing' && list.policy.filtering) list.confirm()
}

function createHistory({ config, clock, log }: Context, { counts }: Answering): CounterHistory {
  const file = new StateFile({ folder: config.dataDir, name: 'counters.state', parse: parseStoredCounters })
  return new CounterHistory({ counters: counts.counters, file, clock, log })
}

interface Deciding {
  readonly lines: ModemLines
  readonly list: ListService
  readonly answering: Answering
  readonly health: HealthService
  readonly interception: InterceptionService
  readonly page: Page
  readonly control: ControlService
}

function createDecision({ clock, log }: Context, deciding: Deciding): Decision {
  const { lines, list, answering, health, interception, page, control } = deciding
  return new Decision({
    clock,
    log,
    input: () => ({ ...lines.protectionInput, list: list.protectionInput, selfTest: health.state }),
    filter: (filtering) => {
      list.policy.filtering = filtering
      answering.threads?.change({ filtering })
      if (filtering) void page.passthrough?.close()
    },
    intercept: (intercepting) => interception.set(intercepting),
    onFilteringOff: () => {
      void page.passthrough?.open()
      page.page.closeSilent()
    },
    onTaken: () => control.changed(),
  })
}
