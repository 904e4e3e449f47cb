import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { SecureNetError } from '../../module/base/error.ts'
import { Guardian } from './guardian.ts'

const RESTART_AFTER_MS = 1000
const KILL_AFTER_MS = 3000
/** A module that cannot even start is not started for ever. */
const HOPELESS = 5
const HOPELESS_WITHIN_MS = 15_000

export interface ModuleProcessOptions {
  /** Program and arguments. */
  command: readonly string[]
  /** Beside this process's own environment. */
  env?: Readonly<Record<string, string>>
  logFile: string
  /** Told in words a person understands. */
  say(line: string): void
  /** It dies as soon as it is started, again and again. */
  giveUp(error: SecureNetError): void
}

/** The module as its own process, started again when it dies as procd would (`respawn`). */
export class ModuleProcess {
  readonly #options: ModuleProcessOptions
  readonly #guardian = new Guardian()
  #child: ChildProcess | undefined
  #timer: NodeJS.Timeout | undefined
  #stopping = false
  #deaths: number[] = []
  #served = false

  constructor(options: ModuleProcessOptions) {
    this.#options = options
  }

  start(): void {
    this.#guardian.start()
    this.#launch('w')
  }

  /** It has protected once: from here on it is started again for ever, as procd is told to (`respawn 3600 5 0`). */
  served(): void {
    this.#served = true
  }

  /** SIGTERM, and SIGKILL after 3 s. */
  async stop(): Promise<void> {
    this.#stopping = true
    clearTimeout(this.#timer)
    const child = this.#child
    if (child && child.exitCode === null && child.signalCode === null) {
      const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
      child.kill('SIGTERM')
      const timer = setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS)
      await gone
      clearTimeout(timer)
    }
    await this.#guardian.stop()
  }

  /** The end of what it has logged. */
  logTail(lines = 8): string {
    try {
      return readFileSync(this.#options.logFile, 'utf8').trimEnd().split('\n').slice(-lines).join('\n')
    } catch {
      return ''
    }
  }

  #launch(logMode: 'w' | 'a'): void {
    const log = openSync(this.#options.logFile, logMode, 0o600)
    const [program, ...args] = this.#options.command
    const env = { ...process.env, ...this.#options.env }
    const child = spawn(program!, args, { env, stdio: ['ignore', log, log] })
    closeSync(log)
    this.#child = child
    if (child.pid !== undefined) this.#guardian.watch(child.pid)
    child.once('error', (error) => this.#died(`could not be started: ${error.message}`))
    child.once('exit', (code, signal) =>
      this.#died(signal ? `was ended by ${signal}` : `ended with code ${code}`),
    )
  }

  #died(how: string): void {
    if (this.#stopping) return
    this.#guardian.watch(0)
    const now = performance.now()
    this.#deaths = [...this.#deaths.filter((at) => now - at < HOPELESS_WITHIN_MS), now]
    if (!this.#served && this.#deaths.length >= HOPELESS) {
      this.#stopping = true
      const error = new SecureNetError(
        'HOUSEHOLD_MODULE_DIES',
        `the module ${how}, for the ${this.#deaths.length}th time within ${HOPELESS_WITHIN_MS / 1000} s; its last words:\n${this.logTail()}`,
        `The whole log is in ${this.#options.logFile}.`,
      )
      this.#options.giveUp(error)
      return
    }
    this.#options.say(`the module ${how}; it is started again in 1 s (its log: ${this.#options.logFile})`)
    this.#timer = setTimeout(() => this.#launch('a'), RESTART_AFTER_MS)
  }
}
