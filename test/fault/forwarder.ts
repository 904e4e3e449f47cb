import { createLog } from '../../module/base/log.ts'
import { isWithin, nameFromText, nameToText } from '../../module/dns/name.ts'
import { TcpListener } from '../../module/listener/tcp.ts'
import { UdpListener } from '../../module/listener/udp.ts'
import { createAnswerInspector } from '../../module/query/answer-inspector.ts'
import { createBlockedReply } from '../../module/query/blocked.ts'
import { Cache } from '../../module/query/cache.ts'
import { createChain } from '../../module/query/chain.ts'
import type { Query, StepResult } from '../../module/query/query.ts'
import { createRateLimit } from '../../module/query/rate-limit.ts'
import { createUpstream } from '../../module/upstream/exchanger.ts'
import type { ServersUpstream } from '../../module/upstream/upstream.ts'
import { freePort } from '../../scripts/free-port.ts'
import { WireClient } from '../conformance/wire-client.ts'
import { clientsOf } from '../helpers/clients.ts'
import { FakeClock } from '../helpers/fake-clock.ts'

export interface ForwarderOptions {
  upstreamPort: number
  timeoutMs?: number
  inFlight?: number
  /** Upstream is treated as beyond this machine. */
  remote?: boolean
  tcpIdleSeconds?: number
}

const listed = nameFromText('bad.example')!

/** The chain, the real exchanger behind it and the real listeners before it, on loopback; `bad.example` is listed. */
export class Forwarder {
  readonly log: string[] = []
  /** Stands still but where a test lets time pass: what is answered then was answered without any waiting. */
  readonly clock = new FakeClock()
  readonly upstream: ServersUpstream
  readonly handle: (query: Query) => StepResult
  readonly cache = new Cache({ clock: this.clock, bytes: 1 << 20 })
  readonly #options: ForwarderOptions
  readonly #stop: (() => unknown)[] = []
  port = 0

  constructor(options: ForwarderOptions) {
    this.#options = options
    const { clock } = this
    const log = createLog((line) => this.log.push(line), 'debug')
    const policy = {
      ...{ filtering: true, revision: 1 },
      verdict: (wire: Uint8Array, start: number) => {
        let end = start
        while (wire[end]) end += wire[end]! + 1
        const name = wire.subarray(start, end + 1)
        return isWithin(name, name.length, listed) ? 0 : -1
      },
      exempt: () => false,
    }
    const blocked = createBlockedReply({
      ...{ ipv4: Buffer.from([198, 18, 0, 53]), ipv6: null, pageUrl: 'http://198.18.0.53/', ttl: 10 },
      ...{ structuredErrors: false, operator: 'Operator' },
    })
    this.upstream = createUpstream({
      servers: [{ address: '127.0.0.1', port: options.upstreamPort }],
      timeoutMs: options.timeoutMs ?? 300,
      inFlight: options.inFlight ?? 140,
      clock,
      log,
      hardenLoopback: options.remote ?? false,
    })
    this.handle = createChain({
      ...{
        policy,
        blocked,
        clock,
        clients: clientsOf(),
        cache: this.cache,
        localZones: ['lan'],
        refuseBypass: true,
      },
      rateLimit: createRateLimit({ clock, clients: clientsOf(), burst: 2000 }),
      inspect: createAnswerInspector({ policy, blocked, rebindProtection: true, rebindExempt: () => false }),
      upstream: this.upstream,
      observe: (query) =>
        log.debug('answered', { reason: query.reason, name: nameToText(query.message, 12) }),
    })
  }

  async start(): Promise<this> {
    const { handle, clock } = this
    const at = { address: '127.0.0.1', port: await freePort() }
    const log = createLog((line) => this.log.push(line), 'debug')
    this.port = at.port
    const udp = new UdpListener({ ...at, handle, log, addon: null })
    const tcp = new TcpListener({
      ...{
        ...at,
        handle,
        log,
        clock,
        clients: clientsOf(),
        waitMs: () => 0,
        connections: 32,
        connectionsPerClient: 32,
      },
      idleSeconds: this.#options.tcpIdleSeconds ?? 10,
    })
    for (const part of [this.upstream, udp, tcp]) {
      this.#stop.push(() => part.stop())
      await part.start()
    }
    return this
  }

  async client(): Promise<WireClient> {
    const client = await new WireClient(this.port).start()
    this.#stop.push(() => client.stop())
    return client
  }

  async stop(): Promise<void> {
    for (const stop of this.#stop.splice(0).reverse()) await stop()
  }
}
