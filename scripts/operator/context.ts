import { topics } from '../../module/control/mqtt/topics.ts'
import { type Broker, connectBroker } from './broker.ts'
import { usage } from './exit.ts'
import { openKeys, type Signer } from './keys.ts'
import type { OrderTools } from './orders.ts'
import { createOutput, type Output, type Terminal } from './output.ts'
import { loadProfile, type Profile } from './profile.ts'

export interface GlobalOptions {
  json?: boolean
  profile?: string
}

/** What of the world the tool touches; replaced by tests. */
export interface World {
  terminal: Terminal
  env: NodeJS.ProcessEnv
  now(): number
  connect(profile: Profile): Promise<Broker>
  /** Signs with the profile's keys. */
  openSigner(profile: Profile): Promise<Signer>
  /** Resolves when a person wants `watch` to end. */
  interrupted(): Promise<void>
}

/** One command's surroundings, made from the global options. */
export class Context {
  readonly world: World
  readonly profile: Profile
  readonly output: Output
  #broker: Broker | undefined

  constructor(world: World, options: GlobalOptions) {
    this.world = world
    this.output = createOutput(world.terminal, options.json === true)
    this.profile = loadProfile(options.profile, world.env)
  }

  get list(): string {
    return this.profile.list ?? 'securenet'
  }

  async broker(): Promise<Broker> {
    this.#broker ??= await this.world.connect(this.profile)
    return this.#broker
  }

  async tools(): Promise<OrderTools & Signer> {
    const signer = await this.world.openSigner(this.profile)
    return { broker: await this.broker(), now: this.world.now, ...signer }
  }

  /** Lines that any modem has reported for. */
  async knownLines(): Promise<string[]> {
    const broker = await this.broker()
    const found = await broker.retained(topics.reported('+'))
    return [...found.keys()].map((topic) => topic.split('/').at(-2)!).sort()
  }

  /**
   * Before anything that changes many lines.
   * @param what begins small, and names the number of lines
   * @returns false after a dry run, which has shown `data`
   * @throws OperatorError OPERATOR_USAGE where nobody has agreed
   */
  async agreed(what: string, flags: { dryRun?: boolean; yes?: boolean }, data: object): Promise<boolean> {
    if (flags.dryRun) {
      this.output.result({ dryRun: true, ...data }, [`dry run, nothing is changed: ${what}`])
      return false
    }
    await this.confirm(`${what.slice(0, 1).toUpperCase()}${what.slice(1)}.`, flags.yes)
    return true
  }

  /** @throws OperatorError OPERATOR_USAGE where nobody has agreed */
  async confirm(what: string, yes: boolean | undefined): Promise<void> {
    if (yes) return
    const answer = this.output.json ? null : await this.world.terminal.ask(`${what} Type "yes" to go on: `)
    if (answer === null) throw usage(`${what} Nobody is there to agree.`, 'Say so with --yes.')
    if (answer.trim().toLowerCase() !== 'yes') throw usage('Not agreed; nothing was changed.')
  }

  async close(): Promise<void> {
    await this.#broker?.close()
  }
}

export const realWorld = (terminal: Terminal): World => ({
  terminal,
  env: process.env,
  now: () => Date.now(),
  connect: connectBroker,
  openSigner: openKeys,
  interrupted: () =>
    new Promise((resolve) => {
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve())
    }),
})
