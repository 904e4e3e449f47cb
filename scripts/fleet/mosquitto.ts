import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { SecureNetError } from '../../module/base/error.ts'
import { freePort } from '../free-port.ts'
import { Guardian } from '../household/guardian.ts'

const START_MS = 5000
const STOP_MS = 20_000
const TICKS_PER_SECOND = 100

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

/** A real mosquitto on loopback, without TLS, that keeps what is retained when it is started again. */
export class Mosquitto {
  readonly #folder: string
  readonly #guardian = new Guardian()
  #child: ChildProcess | undefined
  #port = 0
  #log = ''

  constructor(folder: string) {
    this.#folder = folder
  }

  get url(): string {
    return `mqtt://127.0.0.1:${this.#port}`
  }

  /** @throws SecureNetError FLEET_BROKER_MISSING, FLEET_BROKER_FAILED */
  async start(): Promise<void> {
    this.#port = await freePort()
    const config = [
      `listener ${this.#port} 127.0.0.1`,
      'allow_anonymous true',
      'max_connections -1',
      // The backend hears every modem at once; the default of 1,000 would drop reports.
      'max_queued_messages 0',
      'set_tcp_nodelay true',
      'persistence true',
      `persistence_location ${this.#folder}/`,
      'autosave_interval 0',
      'sys_interval 1',
      'log_dest stderr',
      'log_type error',
      'log_type warning',
      ...(process.getuid?.() === 0 ? ['user root'] : []),
      '',
    ]
    writeFileSync(join(this.#folder, 'mosquitto.conf'), config.join('\n'))
    this.#guardian.start()
    await this.resume()
  }

  /** Starts it on its old port, with what it retained. */
  async resume(): Promise<void> {
    // Every modem is a file descriptor; a shell may have been given fewer than it may ask for.
    const command = 'ulimit -n "$(ulimit -Hn)"; exec mosquitto -c "$1"'
    const args = ['-c', command, 'sh', join(this.#folder, 'mosquitto.conf')]
    const child = spawn('/bin/sh', args, { stdio: ['ignore', 'ignore', 'pipe'] })
    child.stderr?.on('data', (text) => {
      this.#log = `${this.#log}${text}`.slice(-4000)
    })
    this.#child = child
    if (child.pid !== undefined) this.#guardian.watch(child.pid)
    for (const end = Date.now() + START_MS; Date.now() < end; await sleep(20)) {
      if (await accepts(this.#port)) return
      if (child.exitCode === 127)
        throw new SecureNetError(
          'FLEET_BROKER_MISSING',
          'mosquitto is not installed',
          'On Debian: apt-get install mosquitto.',
        )
      if (child.exitCode !== null) break
    }
    throw new SecureNetError('FLEET_BROKER_FAILED', `mosquitto did not start: ${this.#log}`)
  }

  /** As a service manager stops it: what is retained is written to disk. */
  async halt(): Promise<void> {
    const child = this.#child
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    this.#guardian.watch(0)
    const gone = once(child, 'exit')
    child.kill('SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
    await gone
    clearTimeout(timer)
  }

  async stop(): Promise<void> {
    await this.halt()
    await this.#guardian.stop()
  }

  /** Resident memory and processor time so far, of /proc. */
  use(): { rssBytes: number; cpuMs: number } {
    const pid = this.#child?.pid
    const rss = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
    // proc_pid_stat(5): utime and stime are fields 14 and 15; the name before them may hold blanks.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
    const ticks = Number(fields[11]) + Number(fields[12])
    return { rssBytes: Number(rss) * 1024, cpuMs: (ticks * 1000) / TICKS_PER_SECOND }
  }
}
