import { randomBytes, randomInt } from 'node:crypto'
import { mkdirSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { systemClock } from '../base/clock.ts'
import { codeOf, messageOf, SecureNetError } from '../base/error.ts'
import type { Log } from '../base/log.ts'
import { type Head, ranksBelow } from '../blocklist/format/head.ts'
import { ListPolicy } from '../blocklist/list-policy.ts'
import { listState } from '../blocklist/list-state.ts'
import { createMatcher } from '../blocklist/matcher.ts'
import { core } from '../blocklist/never-block.ts'
import { buildOnThread, type OpenBuilder, startBuilderThread } from '../blocklist/store/builder-client.ts'
import { createHealthGate } from '../blocklist/update/acceptance.ts'
import { CHUNK_PAUSE_MS } from '../blocklist/update/download.ts'
import { Updater } from '../blocklist/update/updater.ts'
import type { PageData } from '../blockpage/page-data.ts'
import { RecentBlocks } from '../blockpage/recent-blocks.ts'
import { type BlockPage, createBlockPage } from '../blockpage/server.ts'
import { categories, categoryName, RESOLVER_BYPASS } from '../category.ts'
import type { Config } from '../config/config.ts'
import { Control, loadControl } from '../control/control.ts'
import { explainName } from '../diagnostics/explain-name.ts'
import type { LogRing } from '../diagnostics/log-ring.ts'
import { nameFromText, nameToText } from '../dns/name.ts'
import { Question } from '../dns/question.ts'
import { Health } from '../health/health.ts'
import { QuickClient } from '../health/light-client.ts'
import { pageAnswers } from '../health/page-check.ts'
import { askIndependently } from '../health/reference-client.ts'
import { SelfTest } from '../health/self-test.ts'
import { rulesText } from '../interception/dump-rules.ts'
import { createInterception } from '../interception/interception.ts'
import type { Interceptor } from '../interception/interceptor.ts'
import type { Lease } from '../interception/lease.ts'
import type { PassageGate } from '../interception/passthrough-gate.ts'
import { passageEndpoint, serviceOf } from '../interception/service.ts'
import { activeLine } from '../line/active-line.ts'
import { fleetModeOf } from '../line/fleet.ts'
import { type ProtectionInput, protection } from '../line/protection.ts'
import { emptyBook, type LineBook, lineOf, mustBeGone } from '../line/store.ts'
import { TcpListener } from '../listener/tcp.ts'
import { UdpListener } from '../listener/udp.ts'
import { type LocalHandlers, LocalSocket } from '../local/socket.ts'
import { TrueSite } from '../passthrough/origin.ts'
import { Passage } from '../passthrough/passthrough.ts'
import type { ClockFloor } from '../platform/clock-floor.ts'
import { findResolvers } from '../platform/resolvers.ts'
import { run } from '../platform/spawn.ts'
import { StateFile } from '../platform/state-file.ts'
import { createUbus } from '../platform/ubus.ts'
import { Uplink } from '../platform/uplink.ts'
import type { Cache } from '../query/cache.ts'
import type { Query } from '../query/query.ts'
import { createQueryCounts, createServing } from '../query-pipeline.ts'
import { CounterHistory, parseStoredCounters } from '../telemetry/counter-history.ts'
import { type Notice, Notices } from '../telemetry/notices.ts'
import type { QueryCounts } from '../telemetry/query-counts.ts'
import { TelemetryLoop } from '../telemetry/telemetry-loop.ts'
import { createQueryThreads, sharedSockets } from '../threads/create.ts'
import type { BlockedName } from '../threads/messages.ts'
import type { QueryThreads } from '../threads/query-threads.ts'
import { ModemUpstream } from '../upstream/modem-upstream.ts'
import { released, version } from '../version.ts'
import { type ModemView, measured, modemStatus, protecting, supportBundle } from './status.ts'

/** For one try of the self-test. */
const SELF_TEST_MS = 1500
const FULL_TEST_MS = 60_000

export interface Daemon {
  /** @throws SecureNetError LISTEN_*, PAGE_LISTEN_FAILED, ROOTS_*, STATE_*, INTERCEPT_*; the LAN is left alone then */
  start(): Promise<void>
  /** Disarms first, so that the LAN is back on its own resolver before anything stops answering. */
  stop(): Promise<void>
}

function makeFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw new SecureNetError(
      'FOLDER_NOT_WRITABLE',
      messageOf(error),
      'Give the module’s user the right to write there.',
      { cause: error },
    )
  }
}

const resolverBypass = categoryName(RESOLVER_BYPASS)

/** Of a query that has its answer now, `Question.name` is the name until the next is read. */
function nameOf(blocked: Query | BlockedName): string {
  return 'name' in blocked ? blocked.name : nameToText(Question.name.subarray(0, blocked.nameLength))
}

/** The parts of one modem, put together here and nowhere else; each is started and stopped in `start` and `stop`. */
class Modem implements Daemon {
  readonly #config: Config
  readonly #log: Log
  readonly #ring: LogRing
  readonly #bootId = randomBytes(8).toString('hex')
  readonly #clock = systemClock
  readonly #counts: QueryCounts
  readonly #telemetry: TelemetryLoop
  readonly #history: CounterHistory
  readonly #uplink: Uplink
  /** What is to be stopped, in the order it was started. */
  readonly #started: { what: string; stop: () => Promise<void> }[] = []
  readonly #matcher
  readonly #policy: ListPolicy
  readonly #testNames: readonly string[]
  #book: LineBook = emptyBook
  #floor: ClockFloor | null = null
  #updater: Updater | null = null
  #control: Control | null = null
  #lease: Lease | null = null
  #page: BlockPage | null = null
  /** Null where nothing is intercepted: who asks has been told to by hand, and the kernel leads nobody's 443 here. */
  readonly #passage: Passage | null
  #gate: PassageGate | null = null
  #health: Health | null = null
  #selfTest: SelfTest | null = null
  /** When the serving list came to this modem, ms; null without one. */
  #listSince: number | null = null
  readonly #notices: Notices
  readonly #recentBlocks = new RecentBlocks(() => systemClock.monotonic())
  #cache: Cache | null = null
  /** The newest verified head, taken by the updater as soon as a line needs the list. */
  #head: Head | null = null
  /** Of the keys that signed it. */
  #headEpoch = 0
  #backend: Interceptor['name'] = 'none'
  readonly #upstream: ModemUpstream
  readonly #openBuilder: OpenBuilder
  readonly #threads: QueryThreads | null
  /** What the one decision said last, and since when (ms). */
  #decision: { armed: boolean; why: string; since: number } = {
    armed: false,
    why: 'starting',
    since: Date.now(),
  }

  constructor(config: Config, log: Log, ring: LogRing, program: string) {
    this.#openBuilder = buildOnThread(startBuilderThread(join(dirname(program), 'list-builder.cjs')))
    this.#config = config
    this.#log = log
    this.#ring = ring
    this.#uplink = new Uplink({ runDir: config.runDir, log })
    this.#testNames = categories.map((category) => `${category}.${config.dns.testZone}`)
    this.#matcher = createMatcher({ store: null, allow: [], core: [...core, ...config.dns.neverBlock] })
    this.#notices = new Notices({ clock: this.#clock, send: (notice) => this.#sendNotice(notice) })
    this.#upstream = this.#createUpstream()
    this.#counts = createQueryCounts(config, this.#clock, (query) => this.#blocked(query))
    this.#threads = createQueryThreads(config, program, {
      clock: this.#clock,
      log,
      onCounted: (counted) => this.#counts.add(counted),
      onBlocked: (blocked) => this.#blocked(blocked),
    })
    this.#history = new CounterHistory({
      counters: this.#counts.counters,
      file: new StateFile({ folder: config.dataDir, name: 'counters.state', parse: parseStoredCounters }),
      clock: this.#clock,
      log,
    })
    this.#telemetry = new TelemetryLoop({
      clock: this.#clock,
      everySeconds: config.telemetrySeconds,
      counts: this.#counts,
      measure: () => ({
        modemId: config.modemId,
        bootId: this.#bootId,
        listVersion: this.#updater?.status().version ?? null,
        listAgeSeconds: this.#listAge(),
        leaseInterruptions: this.#lease?.status().interruptions ?? 0,
        refusedPacketsSinceStart: this.#lease?.status().bypassed ?? 0,
      }),
      activeLine: () => this.#activeLine()?.id,
      send: (report) => this.#control?.telemetry(report),
    })
    this.#policy = new ListPolicy(this.#matcher, config.dns.resolverBypass)
    this.#passage = config.interception.interfaces.length > 0 ? this.#createPassage() : null
  }

  /** Whatever stands between the household and its resolver starts last. */
  async start(): Promise<void> {
    const { dataDir, runDir, logLevel } = this.#config
    this.#log.info('starting', { version, bootId: this.#bootId, logLevel })
    for (const folder of [dataDir, runDir]) makeFolder(folder)
    this.#uplink.load()
    try {
      await this.#startServing()
      await this.#startIntercepting()
      await this.#startControl()
    } catch (error) {
      await this.stop()
      throw error
    }
    await this.#decide()
    this.#log.info('started', { why: this.#decision.why })
  }

  async stop(): Promise<void> {
    for (const { what, stop } of this.#started.splice(0).reverse()) {
      try {
        await stop()
      } catch (error) {
        this.#log.error('stop', { what, why: messageOf(error) })
      }
    }
  }

  /** Starts a part, and remembers to stop it. */
  async #run(what: string, part: { start(): unknown; stop(): unknown }): Promise<void> {
    // Before it starts: half a start has to be taken back as well.
    this.#started.push({ what, stop: async () => void (await part.stop()) })
    await part.start()
  }

  /** From stored state alone: list, resolver, listeners, page. */
  async #startServing(): Promise<void> {
    const config = this.#config
    const { clock, log } = { clock: this.#clock, log: this.#log }
    const stored = await loadControl(config.dataDir, { clock, log, buildTime: released, boot: this.#bootId })
    this.#book = stored.book
    this.#floor = stored.floor
    await this.#run('counters', this.#history)
    await this.#startList(stored.floor)
    await this.#run('upstream', this.#upstream)
    await this.#refreshResolvers()
    const { handle, cache } = createServing({
      config,
      policy: this.#policy,
      upstream: this.#upstream,
      counts: this.#counts,
      clock,
    })
    this.#cache = cache
    const listeners: UdpListener[] = []
    const { limits } = config.dns
    for (const { address, port } of config.dns.listen) {
      const udp = new UdpListener({ address, port, handle, log })
      await this.#run(`udp ${address}`, udp)
      listeners.push(udp)
      await this.#run(
        `tcp ${address}`,
        new TcpListener({
          address,
          port,
          handle,
          clock,
          log,
          connections: limits.tcpConnections,
          connectionsPerClient: limits.tcpConnectionsPerClient,
          idleSeconds: limits.tcpIdleSeconds,
        }),
      )
    }
    const threads = this.#threads
    if (threads)
      await this.#run('query threads', {
        start: () => threads.start(sharedSockets(listeners)),
        stop: () => threads.stop(),
      })
    const { listen, branding } = config.page
    const passage = this.#passage
    if (passage) await this.#run('passage', { start: () => {}, stop: () => passage.close() })
    const front = passage ? { front: passage.front } : {}
    this.#page = createBlockPage({ listen, branding, data: this.#pageData(), clock, log, ...front })
    await this.#run('page', this.#page)
  }

  async #startList(floor: ClockFloor): Promise<void> {
    const { dataDir, list, modemId, lines, dns } = this.#config
    const missing = () =>
      new SecureNetError('LIST_CHUNK_MISSING', 'no broker is configured', 'Configure mqtt.url.')
    const updater = new Updater({
      folder: join(dataDir, 'list'),
      // LMDB writes its lock through a mapping: on a full flash that would be a SIGBUS.
      lockFolder: this.#lockFolder,
      list: list.name,
      modemId,
      lineId: lines[0]?.id ?? modemId,
      quotaBytes: list.quotaBytes,
      probationSeconds: list.probationSeconds,
      source: { fetch: (ref) => this.#control?.chunks.fetch(ref) ?? Promise.reject(missing()) },
      openBuilder: this.#openBuilder,
      pauseMs: CHUNK_PAUSE_MS,
      clock: this.#clock,
      floor: () => floor.trustedNow() * 1000,
      log: this.#log,
      gate: createHealthGate({ testZone: dns.testZone, neverBlock: dns.neverBlock }),
      onSwitch: (store) => {
        this.#matcher.setStore(store)
        this.#threads?.change({ list: store && join(this.#lockFolder, basename(store.path)) })
        this.#listSince = store ? statSync(store.path).mtimeMs : null
        void this.#decide()
      },
      onAllow: (names) => {
        this.#matcher.setAllow(names)
        this.#threads?.change({ allow: [...names] })
      },
      onStatus: () => this.#control?.changed(),
    })
    this.#updater = updater
    await this.#run('list', updater)
    if (mustBeGone(this.#book, this.#lineIds).list) await this.#wipe(this.#book)
  }

  #createUpstream(): ModemUpstream {
    const { upstream, dns } = this.#config
    return new ModemUpstream({
      ...upstream,
      localZones: dns.localZones,
      sharedBy: dns.threads,
      clock: this.#clock,
      log: this.#log,
    })
  }

  /** For names that led to the page until now; never for those that led nowhere. */
  #createPassage(): Passage {
    const { page4, page6 } = serviceOf(this.#config)
    const clock = this.#clock
    return new Passage({
      listen: [page4, page6].flatMap((page) => (page ? [passageEndpoint(page)] : [])),
      passes: (name) => {
        // The self-test asks the page for a test name; no site is behind any of them.
        if (this.#policy.protecting || this.#testNames.includes(name)) return false
        const category = this.#found(name)?.category
        return category !== undefined && category !== resolverBypass
      },
      site: new TrueSite({ upstream: this.#upstream, clock }),
      gate: {
        open: async (ms) => this.#gate?.open(ms),
        close: async () => this.#gate?.close(),
      },
      clock,
      log: this.#log,
    })
  }

  /** `wan` mode: the resolvers that the operator gave the line that carries the traffic. */
  async #refreshResolvers(): Promise<void> {
    if (!this.#upstream.asksOperator) return
    const uplink = this.#activeLine()?.interface
    const interfaces = uplink ? [uplink] : this.#config.lines.map((line) => line.interface)
    const resolvers = await findResolvers({ ubus: createUbus(), interfaces, log: this.#log })
    this.#upstream.setResolvers(resolvers)
    this.#threads?.change({ resolvers })
    this.#log.info('resolvers', { count: resolvers.length })
  }

  /** Of a client's query. The name is made into text only for those who need it: this is on the way of every block. */
  #blocked(blocked: Query | BlockedName): void {
    const { reason, category } = blocked
    if (reason === 'blocked-target' || reason === 'blocked-upstream')
      this.#recentBlocks.add(nameOf(blocked), categoryName(category))
    this.#notice(blocked)
  }

  /** The line that carries the traffic, if its order asks for notices. */
  get #noticedLine(): string | null {
    const line = this.#activeLine()
    return line && lineOf(this.#book, line.id).notices === true ? line.id : null
  }

  /** A notice for what a page cannot show, if the line's order asks for it (7-household.md); coalesced by name. */
  #notice(blocked: Query | BlockedName): void {
    const { reason, category } = blocked
    if (category === RESOLVER_BYPASS || reason === 'resolver-bypass') return
    const lineId = this.#noticedLine
    if (lineId === null) return
    this.#notices.add({ lineId, name: nameOf(blocked), category: categoryName(category) })
  }

  #sendNotice({ lineId, name, category }: Notice): void {
    const at = this.#floor?.trustedNow() ?? 0
    this.#control?.event(lineId, {
      v: 1,
      event: 'threat-blocked',
      lineId,
      modemId: this.#config.modemId,
      at,
      name,
      category,
    })
  }

  /** As what a name is blocked while protection is on: by the list, or for where it led within the last hour. */
  #found(name: string): ReturnType<PageData['blockedAs']> {
    const wire = nameFromText(name)
    if (!wire) return null
    const { listed, category, suffix = name } = this.#matcher.explain(wire, 0)
    if (listed && category !== undefined) return { category, suffix }
    const recent = this.#recentBlocks.categoryOf(name)
    return recent && { category: recent, suffix: name }
  }

  #pageData(): PageData {
    return {
      blockedAs: (name) => (this.#policy.protecting ? this.#found(name) : null),
      status: () => {
        return {
          ...protecting(this.#view()),
          since: this.#decision.since,
          listVersion: this.#updater?.status().version ?? null,
          listAgeSeconds: this.#listAge(),
          stoppedThisWeek: this.#counts.counters.stoppedThisWeek(),
          testNames: this.#testNames,
        }
      },
    }
  }

  async #startIntercepting(): Promise<void> {
    const { interception, dns } = this.#config
    const clock = this.#clock
    const log = this.#log
    const [page] = this.#config.page.listen
    const quickClient = new QuickClient({ clock, randomId: () => randomInt(65_536) })
    await this.#run('quick client', { start: () => {}, stop: () => quickClient.close() })
    const selfTest = new SelfTest({
      client: askIndependently,
      quickClient: quickClient.ask,
      listeners: dns.listen,
      upstream: () => this.#config.upstream.servers[0] ?? null,
      testName: `phishing.${dns.testZone}`,
      blockedAddress: this.#config.page.ipv4,
      expectsBlock: () => this.#policy.protecting,
      // Nobody has asked for it before, and the stock resolver knows by itself that it is not there.
      freshName: () => `${randomBytes(6).toString('hex')}.${dns.localZones[0] ?? 'lan'}`,
      page: () =>
        page ? pageAnswers(page, `phishing.${dns.testZone}`, SELF_TEST_MS) : Promise.resolve(true),
      inThreads: (questions) => this.#threads?.probe(questions) ?? Promise.resolve([]),
      clock,
      timeoutMs: SELF_TEST_MS,
    })
    const health = new Health({
      selfTest,
      clock,
      log,
      intervalMs: FULL_TEST_MS,
      onChange: () => this.#healthChanged(),
    })
    this.#health = health
    this.#selfTest = selfTest
    const { backend, lease, gate } = await createInterception({
      config: this.#config,
      run,
      clock,
      log,
      earned: () => health.earned(),
      ownQuestions: () => this.#counts.received,
      onChange: () => this.#control?.changed(),
    })
    this.#backend = backend
    this.#lease = lease
    this.#gate = gate
    await this.#run('health', health)
    // Without interfaces there is nothing to renew; the full test alone goes on.
    if (interception.interfaces.length > 0) await this.#run('lease', lease)
  }

  async #startControl(): Promise<void> {
    const config = this.#config
    const handlers = this.#handlers()
    await this.#run('local socket', new LocalSocket({ runDir: config.runDir, handlers, log: this.#log }))
    try {
      this.#control = this.#createControl(handlers)
    } catch (error) {
      // Without roots nobody is obeyed; what was accepted before goes on protecting.
      this.#log.error('control-off', { code: codeOf(error), why: messageOf(error) })
    }
    if (this.#control) await this.#run('control', this.#control)
    await this.#run('notices', this.#notices)
    await this.#run('telemetry', this.#telemetry)
  }

  #createControl(handlers: LocalHandlers): Control | null {
    const config = this.#config
    const floor = this.#floor
    if (!config.mqtt || !floor) return null
    return new Control({
      config: { ...config, mqtt: config.mqtt },
      identity: { modemId: config.modemId, bootId: this.#bootId, version },
      book: this.#book,
      floor,
      clock: this.#clock,
      log: this.#log,
      random: Math.random,
      onHead: (head, epoch) => this.#onHead(head, epoch),
      act: (book, wipe) => this.#act(book, wipe),
      measure: (lineId) => measured(this.#view(), lineId),
      handlers: {
        status: () => modemStatus(this.#view()),
        'self-test': () => this.#health?.full(),
        'check-name': ({ name = '' }) => handlers.check(name),
        'support-bundle': () => handlers.support(),
        sync: () => this.#control?.sync(),
      },
    })
  }

  /** A new list whose test names are blocked on no socket is taken back (4-blocklist.md, probation). */
  #healthChanged(): void {
    const { udp4, tcp4, udp6, tcp6 } = this.#selfTest?.last?.cells ?? {}
    const sockets = [udp4, tcp4, udp6, tcp6]
    const isDeaf = this.#health?.state === 'failing' && sockets.includes('fail') && !sockets.includes('pass')
    if (isDeaf && this.#updater?.status().phase === 'probation')
      this.#updater
        .reportFailure('self-test')
        .catch((error) => this.#log.error('list', { why: messageOf(error) }))
    // A modem that is switched off and on in a list's first minutes must not lose it for that.
    if (this.#health?.state === 'passing' && this.#policy.protecting)
      this.#updater?.passed().catch((error) => this.#log.error('list', { why: messageOf(error) }))
    void this.#decide()
  }

  #handlers(): LocalHandlers {
    return {
      status: () => modemStatus(this.#view()),
      check: (name) => this.#check(name),
      selfTest: async () => this.#health?.full(),
      support: () => this.#supportBundle(),
      activeInterface: (name) => {
        const before = this.#activeLine()?.id
        this.#uplink.set(name)
        this.#log.info('uplink', { interface: name })
        if (this.#activeLine()?.id !== before) this.#telemetry.report(before)
        void this.#decide()
        void this.#refreshResolvers()
        return { interface: name, line: this.#activeLine()?.id ?? null }
      },
    }
  }

  async #check(name: string) {
    const explained = await explainName(name, {
      matcher: this.#matcher,
      upstream: this.#upstream,
      protection: () => protecting(this.#view()),
    })
    return { ...explained, listeners: this.#config.dns.listen }
  }

  async #supportBundle() {
    const rules = await rulesText(run, this.#backend)
    return supportBundle(this.#view(), { listHead: this.#head, rules, log: this.#ring.lines() })
  }

  /** The book has changed and is on flash. */
  async #act(book: LineBook, wipe: boolean): Promise<void> {
    const neededList = this.#needsList
    this.#book = book
    if (wipe) await this.#wipe(book)
    await this.#decide()
    if (!neededList && this.#needsList) this.#takeHead()
  }

  /** A modem none of whose lines has the service fetches no list and keeps none. */
  get #needsList(): boolean {
    return !mustBeGone(this.#book, this.#lineIds).list
  }

  /** Kept for a line that needs the list later; a replayed older one must not take its place meanwhile. */
  #onHead(head: Head, epoch: number): void {
    const { sequence } = head
    const known = this.#head && { epoch: this.#headEpoch, sequence: this.#head.sequence }
    if (known && ranksBelow({ epoch, sequence }, known)) {
      this.#log.warn('list-head-ignored', { epoch, sequence, newest: known.sequence })
      return
    }
    this.#head = head
    this.#headEpoch = epoch
    if (this.#needsList) this.#takeHead()
  }

  #takeHead(): void {
    if (!this.#head) return
    this.#updater
      ?.onHead(this.#head, this.#headEpoch)
      .catch((error) => this.#log.error('head', { why: messageOf(error) }))
  }

  /** A terminated line leaves nothing but what guards against replay (5-control.md). */
  async #wipe(book: LineBook): Promise<void> {
    const gone = mustBeGone(book, this.#lineIds)
    if (gone.lines.length > 0) {
      this.#counts.wipe()
      await this.#history.write()
      // All of them hold names that the household has asked for.
      this.#notices.stop()
      this.#recentBlocks.clear()
      this.#cache?.clear()
      this.#threads?.wipe()
    }
    if (gone.list) await this.#updater?.wipe()
  }

  get #lockFolder(): string {
    return join(this.#config.runDir, 'lmdb')
  }

  get #lineIds(): string[] {
    return this.#config.lines.map((line) => line.id)
  }

  #activeLine() {
    return activeLine(this.#config.lines, this.#uplink.name)
  }

  #protectionInput(): ProtectionInput {
    const line = this.#activeLine()
    const state = listState(this.#updater?.status())
    const list = state === 'none' ? 'missing' : state === 'damaged' ? 'damaged' : 'verified'
    return {
      service: line && lineOf(this.#book, line.id).service,
      fleet: line ? fleetModeOf(this.#book.fleet, line.id) : 'run',
      list,
      selfTest: this.#health?.state ?? 'unknown',
    }
  }

  /** The one decision, carried out: verdicts on or off, the lease wanted or not. */
  async #decide(): Promise<void> {
    const input = this.#protectionInput()
    const { armed, why } = protection(input)
    // A failing self-test must not turn verdicts off, or it could never pass again: it ends the lease alone.
    const before = this.#policy.protecting
    this.#policy.protecting = protection({ ...input, selfTest: 'passing' }).armed
    this.#threads?.change({ protecting: this.#policy.protecting, notices: this.#noticedLine !== null })
    if (this.#policy.protecting) void this.#passage?.close()
    if (armed !== this.#decision.armed || why !== this.#decision.why) {
      this.#decision = { armed, why, since: this.#clock.now() }
      this.#log.info('protection', { armed, why })
    }
    await this.#lease?.set(armed)
    if (before && !this.#policy.protecting) {
      void this.#passage?.open()
      this.#page?.closeSilent()
    }
    this.#control?.changed()
  }

  #view(): ModemView {
    return {
      config: this.#config,
      bootId: this.#bootId,
      book: this.#book,
      activeLine: this.#activeLine()?.id ?? null,
      decision: this.#decision,
      list: this.#updater?.status(),
      listAgeSeconds: this.#listAge(),
      lease: this.#lease?.status() ?? null,
      selfTest: this.#selfTest?.last ?? null,
      broker: this.#control?.status() ?? null,
      counts: this.#counts,
      threads: this.#threads?.status(this.#counts.received) ?? null,
    }
  }

  #listAge(): number | null {
    return this.#listSince === null
      ? null
      : Math.max(0, Math.round((this.#clock.now() - this.#listSince) / 1000))
  }
}

/**
 * @param ring the newest lines of `log`, for support bundles
 * @param program this program's own file, of which threads are made
 */
export function createDaemon(config: Config, log: Log, ring: LogRing, program: string): Daemon {
  return new Modem(config, log, ring, program)
}
