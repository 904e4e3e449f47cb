import { messageOf } from '../../module/base/error.ts'
import { SimulatedModem } from './modem.ts'

/** What a worker is told. */
export interface WorkerOrders {
  first: number
  count: number
  url: string
  rootsFile: string
  list: string
  keepaliveSeconds: number
  /** Modems started a second, by this worker. */
  rate: number
}
export type ToWorker = { start: WorkerOrders } | { stop: true }

/** Happened at `at` (ms since 1970): connected, or took version `version` of the list. */
export interface FleetEvent {
  index: number
  at: number
  version?: number
}

/** Sent a few times a second. */
export interface FromWorker {
  events: FleetEvent[]
  errors: string[]
  attempts: number
  rssBytes: number
  cpuMs: number
}

const TELL_MS = 200
const MAX_ERRORS = 20

/** The process of a part of the fleet; it ends with its parent. */
export function runWorker(): void {
  const modems: SimulatedModem[] = []
  let events: FleetEvent[] = []
  let errors: string[] = []
  const now = () => performance.timeOrigin + performance.now()
  const tell = () => {
    const { user, system } = process.cpuUsage()
    const message: FromWorker = {
      events,
      errors,
      attempts: modems.reduce((sum, modem) => sum + modem.attempts, 0),
      rssBytes: process.memoryUsage.rss(),
      cpuMs: (user + system) / 1000,
    }
    events = []
    errors = []
    process.send?.(message)
  }
  const onError = (error: unknown) => {
    if (errors.length < MAX_ERRORS) errors.push(typeof error === 'string' ? error : messageOf(error))
  }
  const start = ({ first, count, rate, ...common }: WorkerOrders) => {
    for (let n = 0; n < count; n++) {
      const index = first + n
      const modem = new SimulatedModem({
        ...common,
        index,
        onConnected: () => events.push({ index, at: now() }),
        onList: (version) => events.push({ index, at: now(), version }),
        onError,
      })
      modems.push(modem)
      setTimeout(() => modem.start().catch(onError), (n * 1000) / rate)
    }
    setInterval(tell, TELL_MS)
  }
  process.on('message', (message: ToWorker) => {
    if ('start' in message) start(message.start)
    else void Promise.allSettled(modems.map((modem) => modem.stop())).then(() => process.exit(0))
  })
  process.on('disconnect', () => process.exit(0))
  // Ctrl-C reaches the whole group; the parent ends us in its order.
  process.on('SIGINT', () => undefined)
}
