import { statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { messageOf } from '../base/error.ts'
import type { Head } from '../blocklist/format/head.ts'
import { ListPolicy } from '../blocklist/list-policy.ts'
import { createMatcher, type Matcher } from '../blocklist/matcher.ts'
import { neverBlockCore } from '../blocklist/never-block.ts'
import type { Store } from '../blocklist/store/store.ts'
import { createAcceptanceCheck } from '../blocklist/update/acceptance.ts'
import type { ChunkSource } from '../blocklist/update/chunk-source.ts'
import { CHUNK_PAUSE_MS } from '../blocklist/update/downloader.ts'
import { listState } from '../blocklist/update/list-state.ts'
import { Updater } from '../blocklist/update/updater.ts'
import type { HeadKeys } from '../control/head-keys.ts'
import type { ProtectionInput } from '../line/protection.ts'
import type { TrustedTime } from '../platform/trusted-time.ts'
import { buildOnThread, startBuilderThread } from '../threads/builder-thread.ts'
import type { QueryState } from '../threads/messages.ts'
import type { Context } from './context.ts'

export interface ListServiceOptions extends Pick<Context, 'config' | 'clock' | 'log' | 'program'> {
  readonly trustedTime: Pick<TrustedTime, 'now'>
  readonly chunks: ChunkSource
  readonly heads: HeadKeys
  /** Tells the query threads. */
  readonly share: (change: Partial<QueryState>) => void
  /** Another list serves, or none. */
  readonly onSwitch: () => void
  /** Something in `status()` that is worth reporting has changed. */
  readonly onStatus: () => void
}

/** The blocklist that serves, and its updates. */
export class ListService {
  readonly #options: ListServiceOptions
  readonly #updater: Updater
  readonly #lockFolder: string
  readonly matcher: Matcher
  readonly policy: ListPolicy
  /** When the serving list came to this modem, ms; null without one. */
  #since: number | null = null
  #offeredAt: number | null = null

  constructor(options: ListServiceOptions) {
    const { config } = options
    this.#options = options
    // LMDB writes its lock through a mapping: on a full flash that would be a SIGBUS.
    this.#lockFolder = join(config.runDir, 'lmdb')
    const core = [...neverBlockCore, ...config.dns.neverBlock]
    this.matcher = createMatcher({ store: null, allow: [], core })
    this.policy = new ListPolicy(this.matcher, config.dns.resolverBypass)
    this.#updater = this.#createUpdater()
  }

  /** What is on flash serves from here on. */
  async start(): Promise<void> {
    this.#updater.start()
    await this.#updater.bearOut((document) => this.#options.heads.verify(document))
  }

  async stop(): Promise<void> {
    await this.#updater.stop()
  }

  /** The newest verified head that came since the start. */
  get head(): Head | null {
    return this.#updater.head
  }

  get status() {
    return this.#updater.status()
  }

  get ageSeconds(): number | null {
    if (this.#since === null) return null
    return Math.max(0, Math.round((this.#options.clock.now() - this.#since) / 1000))
  }

  /** When a verified head came last, ms since 1970; null: not since the start. */
  get offeredAt(): number | null {
    return this.#offeredAt
  }

  get protectionInput(): ProtectionInput['list'] {
    const state = listState(this.status)
    if (state === 'none') return 'missing'
    return state === 'damaged' ? 'damaged' : 'verified'
  }

  /**
   * @param epoch of the keys that signed the head
   * @param document the head as it was signed
   */
  offer(head: Head, epoch: number, document: string): void {
    this.#offeredAt = this.#options.clock.now()
    this.#updater.offerHead(head, epoch, document).catch((error) => this.#failed('head', error))
  }

  /** While no line needs the list, it is not fetched; the newest head is taken once one does. */
  setNeeded(isNeeded: boolean): void {
    this.#updater.setWanted(isNeeded).catch((error) => this.#failed('head', error))
  }

  /** The self-test passed while this list served. */
  confirm(): void {
    this.#updater.passed().catch((error) => this.#failed('list', error))
  }

  /** A new list whose test names are blocked on no socket is taken back; one that has served for long is not. */
  reject(): void {
    if (this.status.phase !== 'probation') return
    this.#updater.reportFailure('self-test').catch((error) => this.#failed('list', error))
  }

  async wipe(): Promise<void> {
    await this.#updater.wipe()
  }

  #createUpdater(): Updater {
    const { config, clock, log, program, trustedTime, chunks, heads, onStatus, share } = this.#options
    const { dataDir, list, modemId, lines, dns } = config
    return new Updater({
      folder: join(dataDir, 'list'),
      lockFolder: this.#lockFolder,
      list: list.name,
      modemId,
      lineId: lines[0]?.id ?? modemId,
      quotaBytes: list.quotaBytes,
      probationSeconds: list.probationSeconds,
      source: chunks,
      openBuilder: buildOnThread(startBuilderThread(join(dirname(program), 'list-builder.cjs'))),
      pauseMs: CHUNK_PAUSE_MS,
      clock,
      floor: () => trustedTime.now() * 1000,
      log,
      gate: createAcceptanceCheck({ testZone: dns.testZone, neverBlock: dns.neverBlock }),
      testZone: dns.testZone,
      maxChange: () => heads.maxChange,
      onSwitch: (store) => this.#serve(store),
      onAllow: (names) => {
        this.matcher.setAllow(names)
        share({ allow: [...names] })
      },
      onStatus,
    })
  }

  #serve(store: Store | null): void {
    this.matcher.setStore(store)
    this.#options.share({ list: store && join(this.#lockFolder, basename(store.path)) })
    this.#since = store ? statSync(store.path).mtimeMs : null
    this.#options.onSwitch()
  }

  #failed(event: 'head' | 'list', error: unknown): void {
    this.#options.log.error(event, { why: messageOf(error) })
  }
}
