import { readFileSync } from 'node:fs'
import { calmLog } from '../base/calm-log.ts'
import type { Clock } from '../base/clock.ts'
import { codeOf, messageOf, SecureNetError } from '../base/error.ts'
import type { Log } from '../base/log.ts'
import type { ChunkSource } from '../blocklist/update/chunk-source.ts'
import type { Config } from '../config/config.ts'
import type { LineBook } from '../line/store.ts'
import { lineBookFile, storedBook } from '../line/stored-book.ts'
import { StateFile, type StateFs } from '../platform/state-file.ts'
import { parseStoredFloor, TrustedTime } from '../platform/trusted-time.ts'
import { parseStoredReplay, ReplayGuard } from './documents/replay-guard.ts'
import { parseRootsFile } from './documents/roots.ts'
import { parseStoredTrust, Trust } from './documents/trust.ts'
import { ListFeed } from './list-feed.ts'
import { outgoingJson } from './mqtt/outgoing-json.ts'
import { Presence } from './mqtt/presence.ts'
import { Session, type SessionStatus } from './mqtt/session.ts'
import { topics } from './mqtt/topics.ts'
import type { Identity, LineMeasurement } from './reported.ts'
import { type RequestHandlers, Requests, requestGate } from './requests.ts'
import { Twin, type TwinOptions } from './twin.ts'
import { loadBook } from './twin-book.ts'

export interface ControlOptions {
  config: Pick<Config, 'modemId' | 'dataDir' | 'lines' | 'list'> & {
    readonly mqtt: NonNullable<Config['mqtt']>
  }
  identity: Identity
  book: LineBook
  trust: Trust
  trustedTime: TrustedTime
  clock: Clock
  log: Log
  random: () => number
  onHead: TwinOptions['onHead']
  act: (book: LineBook, wipe: boolean) => Promise<void>
  measure: (lineId: string) => LineMeasurement
  handlers: RequestHandlers
  /** Where state files live; a simulation of many modems keeps them in memory. */
  fs?: StateFs
}

/** What is stored of the control side: read at every start, broker or not. */
export interface StoredControl {
  book: LineBook
  trustedTime: TrustedTime
  /** Null where the firmware's roots cannot be used: no document can be verified then. */
  trust: Trust | null
}

export interface LoadControlOptions {
  config: Pick<Config, 'dataDir' | 'trust' | 'mqtt'>
  clock: Clock
  log: Log
  /** Seconds since 1970. */
  buildTime: number
  /** Names this start of the process. */
  boot: string
  fs?: StateFs
}

/** Everything that was signed is verified anew from the firmware's roots. @throws SecureNetError STATE_NOT_READ */
export async function loadControl(options: LoadControlOptions): Promise<StoredControl> {
  const { config, log, fs } = options
  const files = { folder: config.dataDir, ...(fs && { fs }) }
  const trust = loadRoots(config, files, log)
  await trust?.load()
  const file = new StateFile({ ...files, name: 'clock.state', parse: parseStoredFloor })
  const trustedTime = new TrustedTime({ ...options, file })
  await trustedTime.load()
  if (trust?.issuedAt !== undefined) trustedTime.recall(trust.issuedAt, 'root')
  const { book, signed } = await loadBook({ file: lineBookFile(config.dataDir, fs), trust, log })
  for (const issuedAt of signed) trustedTime.recall(issuedAt, 'role')
  return { book, trustedTime, trust }
}

function loadRoots(
  { trust, mqtt }: LoadControlOptions['config'],
  files: { folder: string; fs?: StateFs },
  log: Log,
): Trust | null {
  try {
    const roots = parseRootsFile(readRoots(trust.rootsFile))
    return new Trust({
      log,
      roots,
      file: new StateFile({ ...files, name: 'trust.state', parse: parseStoredTrust }),
    })
  } catch (error) {
    if (mqtt) log.error('control-off', { code: codeOf(error), why: messageOf(error) })
    return null
  }
}

function readRoots(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const remedy = 'Install the operator’s roots file; without it the module obeys nobody.'
    throw new SecureNetError('ROOTS_MISSING', messageOf(error), remedy, { cause: error })
  }
}

/** Everything that talks with the operator's backend, put together. */
export class Control {
  readonly #options: ControlOptions
  readonly #session: Session
  readonly #replay: ReplayGuard
  readonly #twin: Twin
  readonly #requests: Requests
  readonly #presence: Presence
  /** Where the updater's chunks come from. */
  readonly chunks: ChunkSource

  constructor(options: ControlOptions) {
    const { config, identity, clock, trustedTime, random } = options
    // Whoever holds the broker may bring any of these lines about.
    const log = calmLog(options.log, clock)
    const { dataDir, modemId, mqtt } = config
    const wait = { clock, log }
    const files = { folder: dataDir, ...(options.fs && { fs: options.fs }) }
    this.#options = options
    this.#presence = new Presence({
      modemId,
      bootId: identity.bootId,
      clock,
      lines: config.lines.map((line) => line.id),
    })
    this.#session = new Session({
      ...wait,
      broker: mqtt,
      clientId: modemId,
      keepaliveSeconds: mqtt.keepaliveSeconds,
      random,
      // A modem without a clock waits for NTP (docs/adr/0007-clock-floor.md). Only build time counts, not the trustedTime: a wrong clock beside a
      // signer must not keep modems from the document that puts it right.
      clockSane: () => !trustedTime.wallIsUnset(),
      presence: this.#presence.document,
    })
    this.#replay = new ReplayGuard({
      log,
      file: new StateFile({ ...files, name: 'replay.state', parse: parseStoredReplay }),
    })
    const bookFile = lineBookFile(dataDir, options.fs)
    this.#twin = new Twin({
      ...options,
      log,
      lineIds: config.lines.map((line) => line.id),
      list: config.list.name,
      session: this.#session,
      writeBook: (book) => bookFile.write(storedBook(book)),
    })
    this.#requests = new Requests({
      ...wait,
      modemId,
      session: this.#session,
      accept: requestGate({ modemId, trust: options.trust, replay: this.#replay, trustedTime }),
      handlers: options.handlers,
      onRefused: (code) => this.#twin.refused('request', code),
    })
    this.chunks = new ListFeed({ session: this.#session, clock, timeoutMs: config.list.chunkTimeoutMs })
  }

  async start(): Promise<void> {
    await this.#replay.load(this.#options.trustedTime.now())
    this.#presence.attach(this.#session)
    this.#twin.start()
    this.#requests.start()
    this.#session.start()
  }

  async stop(): Promise<void> {
    this.#twin.stop()
    await this.#session.stop()
  }

  /** What is measured has changed. */
  changed(): void {
    this.#twin.changed()
  }

  /** Asks the broker for every document again. */
  sync(): void {
    this.#twin.sync()
  }

  status(): SessionStatus {
    return this.#session.status()
  }

  /** Telemetry is not worth keeping: lost where the broker is away. */
  telemetry(report: object): void {
    this.#session
      .publish(topics.telemetry(this.#options.config.modemId), Buffer.from(outgoingJson(report)))
      .catch(() => undefined)
  }

  /** A notice that the line's order has asked for. */
  event(lineId: string, event: object): void {
    this.#session.publish(topics.event(lineId), Buffer.from(outgoingJson(event))).catch(() => undefined)
  }
}
