import { mkdirSync } from 'node:fs'
import { messageOf, SecureNetError } from '../base/error.ts'
import { loadControl } from '../control/control.ts'
import { Uplink } from '../platform/uplink.ts'
import { released, version } from '../version.ts'
import type { Context } from './context.ts'
import { ControlService } from './control-service.ts'
import { createHouseholdSide } from './household-side.ts'
import { Lifecycle } from './lifecycle.ts'
import { createOperatorSide } from './operator-side.ts'

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

/**
 * One modem: the composition root.
 *
 *     stored state ─> counters ─> list ─> upstream ─> listeners ─> page ─> health ─> interception ─> control ─> telemetry
 *
 * Parts are started in this order and stopped in reverse: whatever stands between the household and its resolver starts
 * after all that it needs, and the LAN is back on its own resolver before anything stops answering.
 */
export class Daemon {
  readonly #context: Context
  readonly #lifecycle: Lifecycle

  constructor(context: Context) {
    this.#context = context
    this.#lifecycle = new Lifecycle(context.log)
  }

  /** @throws SecureNetError LISTEN_*, PAGE_LISTEN_FAILED, ROOTS_*, STATE_*, INTERCEPT_*; the LAN is left alone then */
  async start(): Promise<void> {
    const { config, log, clock, bootId } = this.#context
    const { dataDir, runDir, logLevel } = config
    log.info('starting', { version, bootId, logLevel })
    for (const folder of [dataDir, runDir]) makeFolder(folder)
    const uplink = new Uplink({ runDir, log })
    uplink.load()
    const stored = await loadControl({ config, clock, log, buildTime: released, boot: bootId })
    const control = new ControlService({ ...this.#context, ...stored })
    const household = createHouseholdSide(this.#context, stored, uplink, control)
    const operator = createOperatorSide(this.#context, household, uplink, control)
    try {
      await this.#lifecycle.start([...household.parts, ...operator])
    } catch (error) {
      await this.stop()
      throw error
    }
    await household.decision.take()
    log.info('started', { why: household.decision.last.why })
  }

  async stop(): Promise<void> {
    await this.#lifecycle.stop()
  }
}
