import type { Clock } from '../base/clock.ts'
import { codeOf, messageOf } from '../base/error.ts'
import { Rcode } from '../dns/constants.ts'
import type { ReferenceClient, ServerAddressAndPort } from './reference-client.ts'
import { allCells, type SelfTestCells } from './self-test-cells.ts'

export interface SelfTestResult {
  outcome: 'pass' | 'fail' | 'upstream-down'
  /** Why it failed, for a person; empty otherwise. */
  why: string
  cells: SelfTestCells
  /** Seconds since 1970. */
  at: number
}

export interface SelfTestOptions {
  /** Shares no code with what it tests. */
  client: ReferenceClient
  /** Costs next to nothing: for the check before each renewal. */
  quickClient: ReferenceClient
  /** Every socket that we answer on. */
  listeners: readonly { address: string; port: number }[]
  /** The resolver behind us, asked directly. */
  upstream: () => { address: string; port: number } | null
  /** A name that every list blocks, and the address it must get. */
  testName: string
  blockedAddress: string
  /** False while there is no list, or the line is off: then only forwarding is tried. */
  expectsBlock: () => boolean
  /** A name nobody has asked before, that the resolver behind us answers by itself. */
  freshName: () => string
  /** Whether the page answers. */
  page: () => Promise<boolean>
  /**
   * The same through every query thread; left out where there are none.
   * @returns what is wrong, a line each
   */
  inThreads?: (questions: ThreadQuestions) => Promise<string[]>
  clock: Clock
  timeoutMs: number
}

export interface ThreadQuestions {
  name: string
  /** What `name` must get. */
  address: string
  /** To be forwarded; null while no resolver answers. */
  fresh: string | null
  timeoutMs: number
}

type Socket = 'udp4' | 'tcp4' | 'udp6' | 'tcp6'

/**
 * Asks through every listening socket, a listed test name, which must be blocked, and a
 * fresh name, which must be forwarded; that one also goes to the resolver behind us directly. It answers and we don't:
 * `fail`. Neither answers: `upstream-down`, which is no reason to step aside (docs/interception.md).
 */
export class SelfTest {
  readonly #options: SelfTestOptions
  #last: SelfTestResult | null = null

  constructor(options: SelfTestOptions) {
    this.#options = options
  }

  get last(): SelfTestResult | null {
    return this.#last
  }

  /** @param how `full`: with the independent client, and the page too; `quick`: what the lease must earn each time */
  async run(how: 'full' | 'quick'): Promise<SelfTestResult> {
    const { listeners, page, clock, client, quickClient } = this.#options
    const ask = how === 'full' ? client : quickClient
    const cells = allCells('skipped')
    // A quick check does not ask the page: what the last full one found stands.
    if (how === 'quick') cells.page = this.#last?.cells.page ?? 'skipped'
    const problems: string[] = []
    const note = (cell: keyof typeof cells, problem: string | null) => {
      if (problem !== null) problems.push(problem)
      if (cells[cell] !== 'fail') cells[cell] = problem === null ? 'pass' : 'fail'
    }
    const asked = listeners.flatMap(({ address, port }) =>
      (['udp', 'tcp'] as const).map(async (transport) => {
        const socket: Socket = `${transport}${address.includes(':') ? 6 : 4}`
        note(socket, await this.#tryBlocked(ask, { transport, address, port }))
      }),
    )
    const forward = this.#tryForward(ask)
    if (how === 'full') note('page', (await page()) ? null : 'the block page does not answer')
    await Promise.all(asked)
    const forwarded = await forward
    note(
      'forward',
      forwarded === 'fail' ? 'a fresh name is not forwarded, but the resolver behind us answers' : null,
    )
    if (forwarded === 'upstream-down') cells.forward = 'fail'
    problems.push(...(await this.#tryThreads(forwarded === 'pass')))
    const outcome = problems.length > 0 ? 'fail' : forwarded === 'upstream-down' ? 'upstream-down' : 'pass'
    this.#last = { outcome, why: problems.join('; '), cells, at: Math.floor(clock.now() / 1000) }
    return this.#last
  }

  /** What must be answered without asking anybody, and how. */
  #blockedQuestion(): { name: string; address: string } {
    const { testName, blockedAddress, expectsBlock } = this.#options
    return expectsBlock()
      ? { name: testName, address: blockedAddress }
      : { name: 'localhost', address: '127.0.0.1' }
  }

  async #tryThreads(forwards: boolean): Promise<string[]> {
    const { inThreads, freshName, timeoutMs } = this.#options
    if (!inThreads) return []
    return inThreads({ ...this.#blockedQuestion(), fresh: forwards ? freshName() : null, timeoutMs })
  }

  async #tryBlocked(ask: ReferenceClient, target: ServerAddressAndPort): Promise<string | null> {
    const { timeoutMs } = this.#options
    const { name, address: expected } = this.#blockedQuestion()
    try {
      const { addresses } = await ask(target, name, 'A', timeoutMs)
      if (addresses.includes(expected)) return null
      return `${target.transport} ${target.address}: ${name} got ${addresses.join(' ') || 'no address'}, not ${expected}`
    } catch (error) {
      return `${codeOf(error)} ${messageOf(error)}`
    }
  }

  async #tryForward(ask: ReferenceClient): Promise<'pass' | 'fail' | 'upstream-down'> {
    const { upstream, listeners, freshName } = this.#options
    const ours = listeners[0]
    const behind = upstream()
    if (!ours || !behind) return 'upstream-down'
    const name = freshName()
    const [through, direct] = await Promise.all([
      this.#answers(ask, { transport: 'udp', ...ours }, name),
      this.#answers(ask, { transport: 'udp', ...behind }, name),
    ])
    if (through) return 'pass'
    return direct ? 'fail' : 'upstream-down'
  }

  async #answers(ask: ReferenceClient, target: ServerAddressAndPort, name: string): Promise<boolean> {
    const { timeoutMs } = this.#options
    try {
      return (await ask(target, name, 'A', timeoutMs)).rcode !== Rcode.SERVFAIL
    } catch {
      return false
    }
  }
}
