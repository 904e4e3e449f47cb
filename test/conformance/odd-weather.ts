import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import { HEADER_BYTES } from '../../module/dns/constants.ts'
import { nameToText } from '../../module/dns/name.ts'
import { questionEndOf } from '../../module/dns/question.ts'
import { framed } from '../helpers/hostile-upstream.ts'
import type { SeededRandom } from '../helpers/seeded-random.ts'
import { WireClient } from './wire-client.ts'

/** What comes instead of the true answer. */
type Oddity = (query: Buffer, truth: Buffer) => Buffer

function errorTo(query: Buffer, rcode: number): Buffer {
  const error = Buffer.from(query.subarray(0, questionEndOf(query)))
  error.writeUInt16BE(0x8180 | rcode, 2)
  error.fill(0, 6, 12)
  return error
}

const oddities: readonly Oddity[] = [
  // The name's server chokes on EDNS: the plain question gets an answer, without OPT and signatures.
  (query, truth) => (query.readUInt16BE(10) > 0 ? errorTo(query, 1) : truth),
  (query) => errorTo(query, 1),
  (query) => errorTo(query, 2),
  (query) => errorTo(query, 4),
  (query) => errorTo(query, 5),
  // An error without its question.
  (query) => Buffer.concat([query.subarray(0, 2), Buffer.from('81820000000000000000', 'hex')]),
  // Cut on its way.
  (_query, truth) => truth.subarray(0, truth.length - 5),
]

/** A forwarder to a real resolver, with an oddity for one name in three; which names, and what, changes with each front. */
export class OddWeather {
  port = 0
  /** Questions that met an oddity. */
  odd = 0
  readonly #random: SeededRandom
  readonly #truth: WireClient
  readonly #always: string
  readonly #udp: UdpSocket
  readonly #tcp: Server
  #front: Map<string, Oddity | null> | null = new Map()

  /** @param always a name that is always spared */
  constructor(resolverPort: number, random: SeededRandom, always: string) {
    this.#random = random
    this.#truth = new WireClient(resolverPort)
    this.#always = always
    this.#udp = createSocket('udp4')
    this.#tcp = createServer()
  }

  async start(): Promise<this> {
    await this.#truth.start()
    this.#tcp.listen(0, '127.0.0.1')
    await once(this.#tcp, 'listening')
    this.port = (this.#tcp.address() as { port: number }).port
    this.#udp.bind(this.port, '127.0.0.1')
    await once(this.#udp, 'listening')
    this.#udp.on('message', async (query, { port, address }) => {
      const answer = await this.#answerTo(query, 'udp')
      if (answer) this.#udp.send(answer, port, address)
    })
    this.#tcp.on('connection', (socket) => {
      let waiting = Buffer.alloc(0)
      socket.on('error', () => {})
      socket.on('data', async (chunk) => {
        waiting = Buffer.concat([waiting, chunk])
        while (waiting.length >= 2 && waiting.length >= 2 + waiting.readUInt16BE(0)) {
          const query = waiting.subarray(2, 2 + waiting.readUInt16BE(0))
          waiting = waiting.subarray(2 + query.length)
          const answer = await this.#answerTo(query, 'tcp')
          if (answer) socket.write(framed(answer))
        }
      })
    })
    return this
  }

  /** Another front comes, or, with `false`, fair weather. */
  change(isOdd = true): void {
    this.#front = isOdd ? new Map() : null
  }

  spares(name: string): boolean {
    return this.#oddityOf(name.toLowerCase()) === null
  }

  stop(): void {
    this.#truth.stop()
    this.#udp.close()
    this.#tcp.close()
  }

  #oddityOf(name: string): Oddity | null {
    if (this.#front === null || name === this.#always) return null
    const known = this.#front.get(name)
    if (known !== undefined) return known
    const oddity = this.#random.chance(1 / 3) ? this.#random.pick(oddities) : null
    this.#front.set(name, oddity)
    return oddity
  }

  async #answerTo(query: Buffer, transport: 'udp' | 'tcp'): Promise<Buffer | null> {
    const truth = await this.#truth.ask(query, transport)
    if (!truth) return null
    query.copy(truth, 0, 0, 2)
    const oddity = this.#oddityOf(nameToText(query, HEADER_BYTES).toLowerCase())
    if (!oddity) return truth
    this.odd++
    return oddity(query, truth)
  }
}
