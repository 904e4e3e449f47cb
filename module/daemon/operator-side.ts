import type { LineBook } from '../line/store.ts'
import { LocalSocket } from '../local/socket.ts'
import type { Uplink } from '../platform/uplink.ts'
import { TelemetryLoop } from '../telemetry/telemetry-loop.ts'
import type { Context } from './context.ts'
import type { ControlService } from './control-service.ts'
import { createHandlers } from './handlers.ts'
import type { HouseholdSide } from './household-side.ts'
import type { Part } from './lifecycle.ts'
import { measureLine } from './status.ts'

/** @returns what the operator orders, asks and is told, in order of start: after everything that serves */
export function createOperatorSide(
  context: Context,
  household: HouseholdSide,
  uplink: Uplink,
  control: ControlService,
): (readonly [name: string, part: Part])[] {
  const { config, log } = context
  const { lines, list, data, decision, sources } = household
  const telemetry = createTelemetry(context, household, control)
  const handlers = createHandlers(context, { ...household, uplink, telemetry, control })
  const act = async (book: LineBook, wipe: boolean) => {
    lines.book = book
    if (wipe) await data.wipe()
    await decision.take()
    list.setNeeded(!lines.mustBeGone.list)
  }
  const startControl = () =>
    control.start({
      book: lines.book,
      onHead: (head, epoch, document) => list.offer(head, epoch, document),
      act,
      measure: (lineId) => measureLine(sources, lineId),
      handlers: handlers.remote,
    })
  return [
    ['local socket', new LocalSocket({ runDir: config.runDir, handlers: handlers.local, log })],
    ['control', { start: startControl, stop: () => control.stop() }],
    ['telemetry', telemetry],
  ]
}

function createTelemetry(
  { config, clock, bootId }: Context,
  { lines, list, answering, interception }: HouseholdSide,
  control: ControlService,
): TelemetryLoop {
  return new TelemetryLoop({
    clock,
    everySeconds: config.telemetrySeconds,
    counts: answering.counts,
    measure: () => ({
      ...{ modemId: config.modemId, bootId },
      listVersion: list.status.version,
      listAgeSeconds: list.ageSeconds,
      leaseInterruptions: interception.status()?.interruptions ?? 0,
      refusedPacketsSinceStart: interception.status()?.bypassed ?? 0,
    }),
    activeLine: () => lines.active?.id,
    send: (report) => control.telemetry(report),
  })
}
