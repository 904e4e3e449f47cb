import { userInfo } from 'node:os'
import type { Broker } from './broker.ts'
import { usage } from './exit.ts'
import { openKeys, type Signer } from './keys.ts'
import { connectBroker, defaultAnswerMs } from './mqtt/connect.ts'
import type { OrderTools } from './orders.ts'
import { createOutput, type Output, type Terminal } from './output.ts'
import { isProfileThere, loadProfile, type Profile } from './profile.ts'
import { openStore } from './register/open-store.ts'
import type { Act, LineRecord } from './register/records.ts'
import { Register } from './register/register.ts'
import { newAct } from './tools.ts'

export interface GlobalOptions {
  json?: boolean
  profile?: string
  who?: string
  why?: string
  ticket?: string
  /** ms */
  brokerTimeout?: number
}

/** What of the world the tool touches; replaced by tests. */
export interface World {
  terminal: Terminal
  env: NodeJS.ProcessEnv
  now(): number
  connect(profile: Profile, options: { answerMs: number }): Promise<Broker>
  /** Signs with the profile's keys. */
  openSigner(profile: Profile): Promise<Signer>
  openRegister(profile: Profile): Promise<Register>
  /** Resolves when a person wants `watch` to end. */
  interrupted(): Promise<void>
}

/** How a command ended. */
export interface Ending {
  exit: number
  code?: string
  message?: string
}

/** The account of this machine, where no person is named. */
function accountOf(env: NodeJS.ProcessEnv): string {
  try {
    return env['SECURENET_WHO'] || userInfo().username
  } catch {
    // A container may run under a number without a name.
    return 'unknown'
  }
}

/** One command's surroundings, made from the global options. */
export class Context {
  readonly world: World
  readonly output: Output
  readonly #options: GlobalOptions
  readonly #command: string
  #profile: Profile | undefined
  #broker: Broker | undefined
  #register: Promise<Register> | undefined
  #signer: Promise<Signer> | undefined
  #act: string | undefined

  /** @param command as it was typed, for the journal */
  constructor(world: World, options: GlobalOptions, command: string) {
    this.world = world
    this.#options = options
    this.#command = command
    this.output = createOutput(world.terminal, options.json === true)
  }

  /** Read once it is needed. @throws OperatorError OPERATOR_USAGE where there is none, OPERATOR_PROFILE_INVALID */
  get profile(): Profile {
    this.#profile ??= loadProfile(this.#options.profile, this.world.env)
    return this.#profile
  }

  /** Some commands look at files alone, and need none. */
  get isProfileThere(): boolean {
    return isProfileThere(this.#options.profile, this.world.env)
  }

  get list(): string {
    return (this.isProfileThere && this.profile.list) || 'securenet'
  }

  /** So long one answer of the broker may take. */
  get answerMs(): number {
    return this.#options.brokerTimeout ?? defaultAnswerMs
  }

  async broker(): Promise<Broker> {
    this.#broker ??= await this.world.connect(this.profile, { answerMs: this.answerMs })
    return this.#broker
  }

  register(): Promise<Register> {
    this.#register ??= this.world.openRegister(this.profile)
    return this.#register
  }

  signer(): Promise<Signer> {
    this.#signer ??= this.world.openSigner(this.profile)
    return this.#signer
  }

  /** @throws OperatorError OPERATOR_KEYS_MISSING, OPERATOR_FOREIGN_KEYS where the broker is another's */
  async tools(): Promise<OrderTools> {
    const [broker, register, signer] = [await this.broker(), await this.register(), await this.signer()]
    await signer.check?.(broker)
    const { sign, verify } = signer
    return { broker, register, sign, verify, now: this.world.now, act: () => this.act() }
  }

  /**
   * Written to the journal before anything is changed; the same act for one command.
   * @param key of idempotency: an earlier act of the same command goes on
   */
  async act(key?: string): Promise<string> {
    if (this.#act !== undefined) return this.#act
    const { who = accountOf(this.world.env), why = '', ticket = '' } = this.#options
    const act: Act = { act: newAct(), who, why, ticket, command: this.#command }
    this.#act = await (await this.register()).begin({ ...act, ...(key !== undefined && { key }) })
    return this.#act
  }

  /** Of the lines that the register knows. */
  async lineCount(): Promise<number> {
    let count = 0
    for await (const _ of (await this.register()).lines()) count++
    return count
  }

  async lines(): Promise<LineRecord[]> {
    const lines: LineRecord[] = []
    for await (const line of (await this.register()).lines()) lines.push(line)
    return lines
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

  /** Says in the journal how the act has ended, if one was begun. */
  async close(ending: Ending): Promise<void> {
    try {
      const register = await this.#register?.catch(() => undefined)
      if (register && this.#act !== undefined) await register.end(this.#act, ending)
      await register?.close()
    } finally {
      await this.#broker?.close()
    }
  }
}

export const realWorld = (terminal: Terminal): World => ({
  terminal,
  env: process.env,
  now: () => Date.now(),
  connect: connectBroker,
  openSigner: openKeys,
  openRegister: async ({ register }) => new Register(await openStore(register), () => Date.now()),
  interrupted: () =>
    new Promise((resolve) => {
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve())
    }),
})
