import { randomBytes, randomInt } from 'node:crypto'
import { Health } from '../health/health.ts'
import { LightClient } from '../health/light-client.ts'
import { pageAnswers } from '../health/page-check.ts'
import { askReference } from '../health/reference-client.ts'
import { SelfTest, type SelfTestOptions, type SelfTestResult } from '../health/self-test.ts'
import type { Context } from './context.ts'

/** For one try of the self-test. */
const SELF_TEST_MS = 1500
const FULL_TEST_MS = 60_000

export interface HealthServiceOptions
  extends Pick<Context, 'config' | 'clock' | 'log'>,
    Pick<SelfTestOptions, 'expectsBlock'> {
  readonly inThreads: NonNullable<SelfTestOptions['inThreads']>
  /** The state, or the last result, has changed. */
  readonly onChange: () => void
}

/** The self-test through every socket that the modem answers on, and what came of it. */
export class HealthService {
  readonly #lightClient: LightClient
  readonly #selfTest: SelfTest
  readonly #health: Health

  constructor(options: HealthServiceOptions) {
    const { clock, log, onChange } = options
    this.#lightClient = new LightClient({ clock, randomId: () => randomInt(65_536) })
    this.#selfTest = createSelfTest(options, this.#lightClient)
    this.#health = new Health({ selfTest: this.#selfTest, clock, log, intervalMs: FULL_TEST_MS, onChange })
  }

  start(): void {
    this.#health.start()
  }

  stop(): void {
    this.#health.stop()
    this.#lightClient.close()
  }

  get state() {
    return this.#health.state
  }

  get last(): SelfTestResult | null {
    return this.#selfTest.last
  }

  /** Some sockets were tried, and a blocked name got its answer on none. */
  get isDeaf(): boolean {
    const { udp4, tcp4, udp6, tcp6 } = this.last?.cells ?? {}
    const sockets = [udp4, tcp4, udp6, tcp6]
    return this.state === 'failing' && sockets.includes('fail') && !sockets.includes('pass')
  }

  /** For the lease: before each renewal, without the page. */
  earned(): Promise<SelfTestResult['outcome']> {
    return this.#health.earned()
  }

  /** Everything, the page too. */
  full(): Promise<SelfTestResult> {
    return this.#health.full()
  }
}

function createSelfTest(options: HealthServiceOptions, lightClient: LightClient): SelfTest {
  const { config, clock, expectsBlock, inThreads } = options
  const { dns, upstream } = config
  const [page] = config.page.listen
  const testName = `phishing.${dns.testZone}`
  return new SelfTest({
    client: askReference,
    quickClient: lightClient.ask,
    listeners: dns.listen,
    upstream: () => upstream.servers[0] ?? null,
    testName,
    blockedAddress: config.page.ipv4,
    expectsBlock,
    // Never asked for before, so no cache has it; the stock resolver itself knows that it does not exist.
    freshName: () => `${randomBytes(6).toString('hex')}.${dns.localZones[0] ?? 'lan'}`,
    page: () => (page ? pageAnswers(page, testName, SELF_TEST_MS) : Promise.resolve(true)),
    inThreads,
    clock,
    timeoutMs: SELF_TEST_MS,
  })
}
