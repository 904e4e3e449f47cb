import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import type { FleetEvent, FromWorker, ToWorker, WorkerOrders } from './worker.ts'

const STOP_MS = 3000

/** The fleet's processes, and what they tell. */
export class Workers {
  readonly #children: ChildProcess[] = []
  readonly #last = new Map<ChildProcess, FromWorker>()
  /** Connections and list versions, in the order they were told. */
  readonly events: FleetEvent[] = []
  readonly errors: string[] = []
  #stopping = false
  #changed: () => void = () => undefined

  /** @param program this very file, bundled */
  start(program: string, processes: number, orders: Omit<WorkerOrders, 'first'>): void {
    for (let n = 0; n < processes; n++) {
      const first = Math.floor((n * orders.count) / processes)
      const count = Math.floor(((n + 1) * orders.count) / processes) - first
      const child = fork(program, ['--worker'], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
      this.#children.push(child)
      child.on('message', (message: FromWorker) => this.#hear(child, message))
      child.on('exit', (code, signal) => {
        if (!this.#stopping) this.errors.push(`a worker ended by itself (${signal ?? code})`)
        this.#changed()
      })
      const message: ToWorker = { start: { ...orders, first, count, rate: orders.rate / processes } }
      child.send(message)
    }
  }

  #hear(child: ChildProcess, message: FromWorker): void {
    for (const event of message.events) this.events.push(event)
    this.errors.push(...message.errors)
    this.#last.set(child, message)
    this.#changed()
  }

  /** Called whenever something was told. */
  onChange(listener: () => void): void {
    this.#changed = listener
  }

  total(what: 'attempts' | 'rssBytes' | 'cpuMs'): number {
    return [...this.#last.values()].reduce((sum, message) => sum + message[what], 0)
  }

  async stop(): Promise<void> {
    this.#stopping = true
    await Promise.all(
      this.#children.map(async (child) => {
        if (child.exitCode !== null || child.signalCode !== null) return
        const gone = once(child, 'exit')
        const message: ToWorker = { stop: true }
        child.send(message, () => undefined)
        const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
        await gone
        clearTimeout(timer)
      }),
    )
  }
}
