import { SecureNetError } from '../base/error.ts'
import type { ChunkSource } from '../blocklist/update/chunk-source.ts'
import { Control, type ControlOptions } from '../control/control.ts'
import type { Trust } from '../control/documents/trust.ts'
import type { SessionStatus } from '../control/mqtt/session.ts'
import type { TrustedTime } from '../platform/trusted-time.ts'
import type { Notice } from '../telemetry/notices.ts'
import { version } from '../version.ts'
import type { Context } from './context.ts'

export interface ControlServiceOptions
  extends Pick<Context, 'config' | 'clock' | 'log' | 'random' | 'bootId'> {
  readonly trustedTime: TrustedTime
  /** Null: without roots no document can be verified; what was accepted before goes on protecting. */
  readonly trust: Trust | null
}

/** What the modem does with what the operator says. */
export type ControlPort = Pick<ControlOptions, 'book' | 'onHead' | 'act' | 'measure' | 'handlers'>

/** The operator's backend, as the other parts see it: without a broker or without roots nothing is sent or heard. */
export class ControlService {
  readonly #options: ControlServiceOptions
  #control: Control | null = null

  constructor(options: ControlServiceOptions) {
    this.#options = options
  }

  async start(port: ControlPort): Promise<void> {
    this.#control = this.#create(port)
    await this.#control?.start()
  }

  async stop(): Promise<void> {
    await this.#control?.stop()
  }

  readonly chunks: ChunkSource = {
    fetch: (ref) => this.#control?.chunks.fetch(ref) ?? Promise.reject(noBroker()),
  }

  /** What is measured has changed. */
  changed(): void {
    this.#control?.changed()
  }

  sync(): void {
    this.#control?.sync()
  }

  status(): SessionStatus | null {
    return this.#control?.status() ?? null
  }

  telemetry(report: object): void {
    this.#control?.telemetry(report)
  }

  /** For what a page cannot show; only where the line's order asks for it. */
  notice({ lineId, name, category }: Notice): void {
    const { config, trustedTime } = this.#options
    const { modemId } = config
    const at = trustedTime.now()
    this.#control?.event(lineId, { v: 1, event: 'threat-blocked', lineId, modemId, at, name, category })
  }

  #create(port: ControlPort): Control | null {
    const { config, bootId, trust, ...options } = this.#options
    const { mqtt, modemId } = config
    if (!mqtt || !trust) return null
    const identity = { modemId, bootId, version }
    return new Control({ ...options, ...port, trust, config: { ...config, mqtt }, identity })
  }
}

function noBroker(): SecureNetError {
  return new SecureNetError('LIST_CHUNK_MISSING', 'no broker is configured', 'Configure mqtt.url.')
}
