import { backoff } from '../base/backoff.ts'
import type { Clock, Timer } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { Config } from '../config/config.ts'
import type { QueriesCounted } from '../telemetry/query-counts.ts'
import type {
  BlockedName,
  FromQueryThread,
  QueryState,
  QueryThreadData,
  SharedSocket,
  ToQueryThread,
} from './messages.ts'
import { isBlockedWith, isForwarded, probeQuestion } from './probe.ts'
import { startWorker, type WorkerHandle } from './worker.ts'

export type QueryThreadHandle = WorkerHandle<ToQueryThread, FromQueryThread>

export interface QueryThreadsOptions {
  /** Beside the main thread. */
  count: number
  make: (sockets: readonly SharedSocket[]) => QueryThreadHandle
  clock: Clock
  log: Log
  onCounted: (counted: QueriesCounted) => void
  onBlocked: (blocked: BlockedName) => void
}

export interface ThreadStatus {
  /** 0 is the main thread. */
  thread: number
  state: 'starting' | 'serving' | 'waiting'
  /** Queries of clients that it has answered since this process started. */
  questions: number
  /** How often it has died. */
  deaths: number
}

export interface PendingProbe {
  name: string
  /** What the name must resolve to. */
  address: string
  /** A name nobody has asked before, which must be forwarded; null while no resolver answers. */
  fresh: string | null
  timeoutMs: number
}

interface Slot extends ThreadStatus {
  handle: QueryThreadHandle | null
  timer: Timer | null
  /** Monotonic ms of its start. */
  since: number
  /** Deaths in a row, each soon after its start. */
  failures: number
  /** Wipes that it has not confirmed: what it says it has counted is from before. */
  wipes: number
}

const RESTARTING = { firstMs: 1000, longestMs: 60_000 }
/** One that has lived so long starts again with the first wait. */
const STEADY_MS = 60_000
const STOP_MS = 2000
const SILENT = 'it was ended, since it did not answer'
/** MB of V8's heap that one thread may take: more would be a leak, and ends that thread alone. */
const HEAP_MB = 32

/**
 * The query threads of a modem with cores to spare (docs/adr/0009-query-threads.md). The main thread goes on answering
 * beside them, so that one that has died is missed by nobody until it is back.
 */
export class QueryThreads {
  readonly #options: QueryThreadsOptions
  readonly #slots: Slot[]
  readonly #replies = new Map<number, (reply: Uint8Array | null) => void>()
  #state: QueryState = { filtering: false, list: null, allow: [], resolvers: [] }
  #sockets: readonly SharedSocket[] = []
  #lastProbe = 0
  #running = false

  constructor(options: QueryThreadsOptions) {
    this.#options = options
    this.#slots = Array.from({ length: options.count }, (_, i) => ({
      thread: i + 1,
      state: 'waiting',
      questions: 0,
      deaths: 0,
      handle: null,
      timer: null,
      since: 0,
      failures: 0,
      wipes: 0,
    }))
  }

  /** @param sockets bound by the main thread, which keeps them open as long as these run; none: it answers alone */
  start(sockets: readonly SharedSocket[]): void {
    if (sockets.length === 0) {
      this.#options.log.error('threads-off', { why: 'this Node does not tell the descriptors of sockets' })
      return
    }
    this.#running = true
    this.#sockets = sockets
    for (const slot of this.#slots) this.#startThread(slot)
  }

  /** What they have counted has come back before this resolves, unless one has to be ended. */
  async stop(): Promise<void> {
    this.#running = false
    await Promise.all(
      this.#slots.map(async ({ handle, timer }) => {
        timer?.cancel()
        if (!handle) return
        await new Promise<void>((resolve) => {
          const late = this.#options.clock.after(STOP_MS, () => handle.terminate(SILENT))
          handle.onExit(() => {
            late.cancel()
            resolve()
          })
          handle.post({ kind: 'stop' })
        })
      }),
    )
  }

  /** Tells every thread what is new, and those to come. */
  change(changed: Partial<QueryState>): void {
    const state = { ...this.#state, ...changed }
    if (JSON.stringify(state) === JSON.stringify(this.#state)) return
    this.#state = state
    this.#tell({ kind: 'state', state })
  }

  /** Nothing that was counted before this comes in any more. */
  wipe(): void {
    for (const slot of this.#slots) if (slot.handle) slot.wipes++
    this.#tell({ kind: 'wipe' })
  }

  /** @param received queries of clients in all; what no thread has counted is the main thread's */
  status(received: number): ThreadStatus[] {
    const others = this.#slots.map(({ thread, state, questions, deaths }) => ({
      ...{ thread, state, questions, deaths },
    }))
    const questions = others.reduce((left, other) => left - other.questions, received)
    return [{ thread: 0, state: 'serving', questions, deaths: 0 }, ...others]
  }

  /**
   * Asks each serving thread through its own chain. One that does not answer reads no datagrams either: it is ended, and
   * started again.
   * @returns what is wrong, a line each
   */
  async probe(probe: PendingProbe): Promise<string[]> {
    const serving = this.#slots.filter(({ state }) => state === 'serving')
    return (await Promise.all(serving.map((slot) => this.#probeOne(slot, probe)))).flat()
  }

  async #probeOne(slot: Slot, { name, address, fresh, timeoutMs }: PendingProbe): Promise<string[]> {
    const { handle, thread } = slot
    const [blocked, forwarded] = await Promise.all([
      this.#ask(slot, name, timeoutMs),
      fresh === null ? null : this.#ask(slot, fresh, timeoutMs),
    ])
    if (blocked === undefined) {
      if (slot.handle === handle) handle?.terminate(SILENT)
      return [`thread ${thread} does not answer`]
    }
    const problems: string[] = []
    if (!isBlockedWith(blocked, address)) problems.push(`thread ${thread}: ${name} did not get ${address}`)
    if (fresh !== null && !isForwarded(forwarded)) problems.push(`thread ${thread} does not forward`)
    return problems
  }

  /** @returns undefined where nothing came in time */
  #ask({ handle }: Slot, name: string, timeoutMs: number): Promise<Uint8Array | null | undefined> {
    const id = ++this.#lastProbe
    return new Promise((resolve) => {
      const settle = (reply?: Uint8Array | null) => {
        timer.cancel()
        this.#replies.delete(id)
        resolve(reply)
      }
      const timer = this.#options.clock.after(timeoutMs, () => settle())
      this.#replies.set(id, settle)
      handle?.post({ kind: 'probe', id, question: probeQuestion(name) })
    })
  }

  #tell(message: ToQueryThread): void {
    for (const { handle } of this.#slots) handle?.post(message)
  }

  #startThread(slot: Slot): void {
    const { make, clock } = this.#options
    const handle = make(this.#sockets)
    slot.handle = handle
    slot.state = 'starting'
    slot.since = clock.monotonic()
    handle.onMessage((message) => this.#onMessage(slot, message))
    handle.onExit((why) => this.#onExit(slot, why))
    handle.post({ kind: 'state', state: this.#state })
  }

  #onMessage(slot: Slot, message: FromQueryThread): void {
    const { onCounted, onBlocked, log } = this.#options
    const { thread } = slot
    switch (message.kind) {
      case 'serving':
        slot.state = 'serving'
        log.info('thread-serving', { thread })
        return
      case 'wiped':
        slot.wipes--
        return
      case 'counted':
        if (slot.wipes > 0) return
        slot.questions += message.counted.received
        onCounted(message.counted)
        for (const blocked of message.blocked) onBlocked(blocked)
        return
      case 'reply':
        this.#replies.get(message.id)?.(message.reply)
        return
      case 'log':
        log[message.level](message.event, { ...message.fields, thread })
    }
  }

  #onExit(slot: Slot, why: string): void {
    const { clock, log } = this.#options
    slot.handle = null
    slot.state = 'waiting'
    slot.wipes = 0
    if (!this.#running) return
    slot.deaths++
    if (clock.monotonic() - slot.since >= STEADY_MS) slot.failures = 0
    const againMs = backoff(++slot.failures, RESTARTING)
    log.error('thread-died', { thread: slot.thread, why, againMs })
    slot.timer = clock.after(againMs, () => this.#startThread(slot))
  }
}

/**
 * @param program this program's own file
 * @returns null where the main thread answers alone
 */
export function createQueryThreads(
  config: Config,
  program: string,
  options: Omit<QueryThreadsOptions, 'count' | 'make'>,
): QueryThreads | null {
  if (config.dns.threads === 1) return null
  return new QueryThreads({
    ...options,
    count: config.dns.threads - 1,
    make: (sockets) =>
      startWorker({
        program,
        name: 'queries',
        data: { config, sockets, program } satisfies QueryThreadData,
        heapMb: HEAP_MB,
      }),
  })
}
