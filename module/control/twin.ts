import type { Clock, Timer } from '../base/clock.ts'
import { codeOf, messageOf } from '../base/error.ts'
import type { Log } from '../base/log.ts'
import { SerialQueue } from '../base/serial-queue.ts'
import type { Head } from '../blocklist/format/head.ts'
import { type LineBook, withFleet, withOrder, withTime } from '../line/store.ts'
import type { Reduced } from '../line/types.ts'
import type { TrustedTime } from '../platform/trusted-time.ts'
import { DocumentFlow, type DocumentFlowOptions } from './document-flow.ts'
import type { Trust } from './documents/trust.ts'
import { verifyDocument } from './documents/verify.ts'
import { DurableValue } from './durable-value.ts'
import { LineReports } from './line-reports.ts'
import type { Session } from './mqtt/session.ts'
import { topics } from './mqtt/topics.ts'
import type { DocumentRefusals, Identity, LineMeasurement } from './reported.ts'

export interface TwinOptions {
  identity: Identity
  /** Ids of the configured lines. */
  lineIds: readonly string[]
  /** Name of the list. */
  list: string
  session: Pick<Session, 'subscribe' | 'unsubscribe' | 'refresh' | 'keep'>
  trust: Pick<Trust, 'accept' | 'role' | 'placeOf' | 'number' | 'next' | 'isStale'>
  /** As read from flash (line/store.ts). */
  book: LineBook
  /** Resolves when the book is on flash. */
  writeBook: (book: LineBook) => Promise<void>
  trustedTime: Pick<
    TrustedTime,
    'observe' | 'forgetRoles' | 'now' | 'floor' | 'unbelieved' | 'instant' | 'persist'
  >
  clock: Clock
  log: Log
  /** A verified head; the updater takes it from here and returns at once. */
  onHead: (head: Head, epoch: number, document: string) => void
  /**
   * The book has changed and is on flash: arm or disarm by it, and with `wipe` take away what must be gone
   * (line/store.ts mustBeGone). Resolves when done; what is measured then is reported.
   */
  act: (book: LineBook, wipe: boolean) => Promise<void>
  /** What is, now. */
  measure: (lineId: string) => LineMeasurement
}

const TICK_MS = 5000
/** What no event tells of: that a head or the keys have expired, which is when somebody keeps news from us. */
const TICKS_A_REPORT = 12
/** A write that failed is tried again by asking the broker for the document again. */
const RETRY_MS = 30_000
/** mosquitto drops the newest of what it cannot queue: after a burst, ask for what is retained. */
const BURST = 50
const QUIET_MS = 2000

/** What the backend wants of this modem, and what it is told: every document's way in one file. */
export class Twin {
  readonly #options: TwinOptions
  readonly #reports: LineReports
  readonly #flows = new Map<string, DocumentFlow>()
  readonly #book: DurableValue<LineBook>
  readonly #judging = new SerialQueue()
  /** Of the documents so far; what a repeat says must not overtake what the order before it says. */
  #flushed: Promise<unknown> = Promise.resolve()
  readonly #acting = new SerialQueue()
  /** Set while an act is asked for and has not begun: what comes meanwhile is acted upon together. */
  #toAct: { wipe: boolean } | undefined
  #tick: Timer | undefined
  #quiet: Timer | undefined
  #retry: Timer | undefined
  #burst = 0
  #ticks = 0
  #stopped = false

  constructor(options: TwinOptions) {
    this.#options = options
    this.#book = new DurableValue(options.book, options.writeBook)
    this.#reports = new LineReports({ ...options, book: () => this.book })
  }

  /** Keys first, so that what follows is judged by them. States have been loaded; nothing is awaited. */
  start(): void {
    const { lineIds, list } = this.#options
    this.#followKeys()
    for (const lineId of lineIds)
      this.#follow({ topic: topics.desired(lineId), kind: 'desired', target: { lineId } })
    this.#follow({ topic: topics.fleet(), kind: 'fleet', target: {} })
    this.#follow({ topic: topics.head(list), kind: 'head', target: { list } })
    this.changed()
    this.#schedule()
  }

  stop(): void {
    this.#stopped = true
    for (const timer of [this.#tick, this.#quiet, this.#retry]) timer?.cancel()
    for (const flow of this.#flows.values()) flow.stop()
    this.#reports.stop()
  }

  /** Something that is measured may have changed. */
  changed(): void {
    this.#reports.changed()
  }

  /** Asks the broker for every document again (request `sync`). */
  sync(): void {
    this.#options.session.refresh([...this.#flows.keys()])
  }

  /** Counts and reports; requests.ts tells of theirs. */
  refused(kind: DocumentRefusals['kind'], code: string): void {
    this.#reports.refused(kind, code)
  }

  /** What was accepted and is on flash: the state that rules. */
  get book(): LineBook {
    return this.#book.inForce
  }

  #follow(options: Omit<DocumentFlowOptions, 'clock'>): void {
    const flow = new DocumentFlow({ ...options, clock: this.#options.clock })
    this.#flows.set(flow.topic, flow)
    this.#options.session.subscribe(flow.topic, async (message) => {
      // An empty retained message tells that one was removed: no information, and the state stays.
      if (message.payload.length === 0 || this.#stopped) return
      this.#noteBurst()
      const payload = Buffer.from(message.payload)
      if (await flow.admit(payload)) return this.#process(flow, payload)
      this.#options.log.info('document-overtaken', { kind: flow.kind, line: flow.target.lineId })
    })
  }

  /** A document's way. It is acknowledged when this resolves, which is after it is on flash. */
  async #process(flow: DocumentFlow, payload: Buffer, wasAccepted = false): Promise<void> {
    const earlier = this.#flushed
    const judged = this.#judging.run(() => this.#judge(flow, payload))
    const flushed = judged.then((then) => this.#book.flushed().then(() => then)).finally(() => earlier)
    this.#flushed = flushed.catch(() => undefined)
    try {
      const then = await flushed
      flow.refused = false
      // After the acknowledgement, and in the order of arrival: act, measure, report.
      setImmediate(then)
    } catch (error) {
      flow.refused = true
      // One that was right until its key was replaced is no refusal of the operator's: it is signed again in a moment.
      if (wasAccepted) this.#options.log.info('document-outdated', { kind: flow.kind, code: codeOf(error) })
      else setImmediate(() => this.#refuse(flow, error))
      if (!codeOf(error).startsWith('STATE_')) return
      this.#retryLater()
      throw error
    }
  }

  /**
   * One after the other: size, form, signatures, schema, addressee and age (documents/verify.ts), then newer-than. What changes
   * is on flash only when the book is flushed, so that many may share one write.
   * @returns what to do after the acknowledgement
   */
  async #judge(flow: DocumentFlow, payload: Buffer): Promise<() => void> {
    const { trust, trustedTime, lineIds, onHead } = this.#options
    const context = { trust, target: flow.target, now: trustedTime.now() }
    flow.judgedBy = trust.number
    const document = payload.toString('latin1')
    switch (flow.kind) {
      case 'keys': {
        const { payload: keys, outcome, replaced } = await trust.accept(payload)
        if (replaced.length > 0) trustedTime.forgetRoles()
        trustedTime.observe(keys.issuedAt, 'root')
        if (outcome === 'applied') await this.#persistFloor()
        return () => this.#keysAccepted(flow)
      }
      case 'head': {
        const { payload: head, epoch } = await verifyDocument('head', payload, context)
        trustedTime.observe(head.issuedAt, 'role')
        return () => {
          onHead(head, epoch, document)
          this.changed()
        }
      }
      case 'fleet': {
        const { payload: order, epoch } = await verifyDocument('fleet', payload, context)
        trustedTime.observe(order.issuedAt, 'role')
        const reduced = withFleet(this.#book.candidate, order, { epoch, lineIds, document })
        return this.#reduced(flow, reduced)
      }
      case 'desired': {
        const { payload: order, epoch } = await verifyDocument('desired', payload, context)
        trustedTime.observe(order.issuedAt, 'role')
        const reduced = withOrder(this.#book.candidate, {
          ...{ order, epoch, document },
          now: trustedTime.instant(),
        })
        return this.#reduced(flow, reduced)
      }
    }
  }

  #reduced(flow: DocumentFlow, { state, outcome, code, effects }: Reduced<LineBook>): () => void {
    this.#book.change(state)
    return () => {
      const { lineId } = flow.target
      if (lineId !== undefined)
        this.#reports.outcome(lineId, { outcome, ...(code !== undefined && { code }) })
      if (outcome === 'rejected') this.refused(flow.kind, code ?? 'INTERNAL')
      this.#options.log.info('order', { kind: flow.kind, line: lineId, outcome, code })
      if (outcome === 'applied') this.#act(effects.includes('wipe'))
      else if (lineId !== undefined) this.#reports.repeat(lineId)
    }
  }

  #refuse(flow: DocumentFlow, error: unknown): void {
    const code = codeOf(error)
    const { lineId } = flow.target
    this.#options.log.warn('document-refused', {
      kind: flow.kind,
      line: lineId,
      code,
      message: messageOf(error),
    })
    if (lineId !== undefined) this.#reports.outcome(lineId, { outcome: 'rejected', code })
    this.refused(flow.kind, code)
  }

  /** One act at a time, and one for everything that was accepted while it was asked for. */
  #act(wipe: boolean): void {
    if (this.#toAct) {
      this.#toAct.wipe ||= wipe
      return
    }
    this.#toAct = { wipe }
    void this.#acting.run(async () => {
      const wanted = this.#toAct?.wipe ?? false
      this.#toAct = undefined
      try {
        await this.#options.act(this.book, wanted)
      } catch (error) {
        this.#options.log.error('act', { code: codeOf(error), message: messageOf(error) })
      }
      this.#reports.changed(true)
    })
  }

  #followKeys(): void {
    this.#follow({ topic: topics.keys(this.#options.trust.next), kind: 'keys', target: {} })
  }

  /** On to the next number; what was refused may be right under these keys, and the head may be wrong. */
  #keysAccepted(flow: DocumentFlow): void {
    const next = topics.keys(this.#options.trust.next)
    if (next !== flow.topic && this.#flows.delete(flow.topic)) {
      flow.stop()
      this.#options.session.unsubscribe(flow.topic)
      this.#followKeys()
    }
    const { number } = this.#options.trust
    for (const other of this.#flows.values()) {
      const isOutdated = other.judgedBy !== undefined && other.judgedBy < number
      if (isOutdated && other.payload && (other.refused || other.kind === 'head'))
        this.#process(other, other.payload, !other.refused).catch(() => undefined)
    }
    this.changed()
  }

  #schedule(): void {
    this.#tick = this.#options.clock.after(TICK_MS, () => {
      this.#passTime().catch((error) => {
        this.#options.log.warn('tick', { code: codeOf(error), message: messageOf(error) })
      })
      this.#ticks++
      if (this.#ticks % TICKS_A_REPORT === 0) this.changed()
      if (!this.#stopped) this.#schedule()
    })
  }

  /** Suspensions end by themselves (line/suspension.ts). */
  async #passTime(): Promise<void> {
    const { trustedTime } = this.#options
    const { state, outcome, code } = withTime(this.#book.candidate, trustedTime.instant())
    this.#book.change(state)
    if (outcome === 'applied') {
      await this.#book.flushed()
      this.#options.log.info('time', { outcome, code })
      this.#act(false)
    }
    await trustedTime.persist()
  }

  /** Soon after the keys themselves; where the flash refuses, the next tick tries again. */
  async #persistFloor(): Promise<void> {
    try {
      await this.#options.trustedTime.persist(true)
    } catch (error) {
      this.#options.log.warn('clock-floor', { code: codeOf(error), message: messageOf(error) })
    }
  }

  #noteBurst(): void {
    this.#burst++
    this.#quiet?.cancel()
    this.#quiet = this.#options.clock.after(QUIET_MS, () => {
      if (this.#burst >= BURST) this.sync()
      this.#burst = 0
    })
  }

  #retryLater(): void {
    this.#retry?.cancel()
    this.#retry = this.#options.clock.after(RETRY_MS, () => this.sync())
  }
}
