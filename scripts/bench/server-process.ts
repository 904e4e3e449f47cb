import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

const ticksPerSecond = Number(spawnSync('getconf', ['CLK_TCK']).stdout?.toString() || 100)
const running = new Set<ChildProcess>()

process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

export interface Memory {
  residentMb: number
  /** Private_Dirty and Private_Clean of smaps_rollup. */
  privateMb: number
  /** Private_Dirty: what the kernel cannot take back without swap. */
  unreclaimableMb: number
}

/** @param stat the text of /proc/PID/stat; @returns seconds of CPU, children that have ended included */
export function cpuSecondsOf(stat: string, perSecond = ticksPerSecond): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0) / perSecond
}

/** @param rollup the text of /proc/PID/smaps_rollup */
export function memoryOf(rollup: string): Memory {
  const mb = (field: string) =>
    Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(rollup)?.[1] ?? 0) / 1024
  const dirty = mb('Private_Dirty')
  return { residentMb: mb('Rss'), privateMb: dirty + mb('Private_Clean'), unreclaimableMb: dirty }
}

const TYPE_A = 1

export function questionFor(name: string, id: number, type = TYPE_A): Buffer {
  const labels = name
    .split('.')
    .map((label) => Buffer.from(`${String.fromCharCode(label.length)}${label}`, 'latin1'))
  const head = Buffer.from([id >> 8, id & 0xff, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0])
  return Buffer.concat([head, ...labels, Buffer.from([0, type >> 8, type & 0xff, 0, 1])])
}

/** The A record's address of a reply whose last record it is, OPT aside; '' where there is none. */
function addressOf(reply: Buffer): string {
  return reply.length > 16 && reply.readUInt16BE(6) === 1 ? reply.subarray(-4).join('.') : ''
}

/** A program that answers DNS on 127.0.0.1, and what it costs. */
export class ServerProcess {
  readonly name: string
  readonly port: number
  readonly #command: readonly string[]
  readonly #logFile: string
  readonly #env: Readonly<Record<string, string>>
  #child: ChildProcess | undefined
  #spawnedAt = 0

  /** Where the module's control socket is; '' for others. */
  readonly runDir: string

  constructor(options: {
    name: string
    port: number
    command: readonly string[]
    logFile: string
    runDir?: string
    /** Beside the environment of the bench. */
    env?: Readonly<Record<string, string>>
  }) {
    this.#env = options.env ?? {}
    this.runDir = options.runDir ?? ''
    this.name = options.name
    this.port = options.port
    this.#command = options.command
    this.#logFile = options.logFile
  }

  get pid(): number {
    return this.#child?.pid ?? 0
  }

  spawn(): void {
    const log = openSync(this.#logFile, 'a')
    const [program, ...args] = this.#command
    this.#spawnedAt = performance.now()
    const child = spawn(program!, args, {
      env: { ...process.env, ...this.#env },
      stdio: ['ignore', log, log],
    })
    closeSync(log)
    running.add(child)
    child.once('exit', () => running.delete(child))
    this.#child = child
  }

  /**
   * Asks every 5 ms until the answer is as wanted.
   * @param address '' for any answer at all
   * @returns ms since the start of the process
   */
  async answering(name: string, address = '', withinMs = 60_000): Promise<number> {
    const socket = createSocket('udp4')
    let answeredAt = 0
    socket.on('message', (reply) => {
      if (address === '' || addressOf(reply) === address) answeredAt = performance.now()
    })
    socket.on('error', () => undefined)
    const question = questionFor(name, 0x5e5e)
    try {
      while (answeredAt === 0) {
        if (this.#child?.exitCode != null) throw new Error(`${this.name} ended; its log:\n${this.log()}`)
        if (performance.now() - this.#spawnedAt > withinMs)
          throw new Error(`${this.name} does not answer ${name} as it should; its log:\n${this.log()}`)
        socket.send(question, this.port, '127.0.0.1')
        await sleep(5)
      }
    } finally {
      socket.close()
    }
    return answeredAt - this.#spawnedAt
  }

  /** The end of what it has printed. */
  log(): string {
    return readFileSync(this.#logFile, 'utf8').split('\n').slice(-12).join('\n')
  }

  /** Seconds since it started. */
  cpuSeconds(): number {
    return cpuSecondsOf(readFileSync(`/proc/${this.pid}/stat`, 'utf8'))
  }

  memory(): Memory {
    return memoryOf(readFileSync(`/proc/${this.pid}/smaps_rollup`, 'utf8'))
  }

  threads(): number {
    return readdirSync(`/proc/${this.pid}/task`).length
  }

  async stop(): Promise<void> {
    const child = this.#child
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill('SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), 5000)
    await gone
    clearTimeout(timer)
  }
}
