import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Answer } from '../../module/dns/answer.ts'
import { cookieOf, findOpt, fullRcode } from '../../module/dns/edns.ts'
import { expandName, nameFromText, nameToText } from '../../module/dns/name.ts'
import { matchReply } from '../../module/dns/reply-matcher.ts'
import { createAnswerInspector } from '../../module/query/answer-inspector.ts'
import { createBlockedReply } from '../../module/query/blocked.ts'
import { Cache } from '../../module/query/cache.ts'
import { createChain } from '../../module/query/chain.ts'
import { DROP, PENDING, Query } from '../../module/query/query.ts'
import { clientsOf } from '../helpers/clients.ts'
import { exchanged } from '../helpers/exchanged.ts'
import { FakeClock } from '../helpers/fake-clock.ts'
import { decode } from '../helpers/zone-text.ts'

type Done = (answer: Answer | null, failure: 'timeout' | 'unusable' | null) => void

const bad = nameFromText('bad.example')!.toString('latin1')
const bypass = nameFromText('bypass.example')!.toString('latin1')

/** Whether a lower-cased wire name is `zone` or below it, said another way than the module says it. */
function isBelow(wire: Buffer, zone: string): boolean {
  const name = wire.toString('latin1')
  for (let at = 0; at < name.length; at += 1 + name.charCodeAt(at)) if (name.slice(at) === zone) return true
  return false
}

/** The whole chain with a list of two names and an upstream that answers what it is told, once the query waits. */
export class ChainHarness {
  readonly clock = new FakeClock()
  readonly cache = new Cache({ clock: this.clock, bytes: 1 << 20 })
  revision = 1
  readonly #waiting: { message: Buffer; done: Done }[] = []
  readonly #chain
  /** Replies that upstream's matching let through. */
  matched = 0

  constructor() {
    const self = this
    const policy = {
      filtering: true,
      get revision() {
        return self.revision
      },
      verdict: (wire: Uint8Array, start: number) => {
        let end = start
        while (wire[end]) end += wire[end]! + 1
        const name = Buffer.from(wire.subarray(start, end + 1))
        return isBelow(name, bad) ? 1 : isBelow(name, bypass) ? 5 : -1
      },
      exempt: () => false,
    }
    const blocked = createBlockedReply({
      ...{ ipv4: Buffer.from([198, 18, 0, 53]), ipv6: null, pageUrl: 'http://198.18.0.53/', ttl: 10 },
      ...{ structuredErrors: true, operator: 'Operator' },
    })
    this.#chain = createChain({
      clients: clientsOf(),
      ...{ policy, blocked, clock: this.clock, cache: this.cache, localZones: ['lan'], refuseBypass: true },
      rateLimit: { admit: () => 'answer', admitError: () => true },
      inspect: createAnswerInspector({ policy, blocked, rebindProtection: true, rebindExempt: () => false }),
      upstream: { exchange: ({ message }, done) => this.#waiting.push({ message, done }) },
      observe: () => undefined,
    })
  }

  /**
   * @param answer what upstream sends to the query it got
   * @returns the reply, or null where there is none
   */
  ask(message: Buffer, transport: 'udp' | 'tcp', answer: (asked: Buffer) => Buffer): Buffer | null {
    const query = new Query(message, '192.0.2.7', transport)
    let late: Buffer | null = null
    query.respond = (reply) => {
      if (late) throw new Error('answered twice')
      late = reply
    }
    const outcome = this.#chain(query)
    for (const { message: asked, done } of this.#waiting.splice(0)) this.#answer(asked, answer(asked), done)
    if (outcome === PENDING) {
      if (!late) throw new Error('a query that waits for ever')
      return late
    }
    if (late && !(outcome instanceof Buffer)) throw new Error('an answer to what was dropped')
    return outcome === DROP ? null : (outcome as Buffer)
  }

  /** As upstream/ does: what does not match is never seen by the chain. */
  #answer(asked: Buffer, reply: Buffer, done: Done): void {
    const end = asked.length - 11
    if (matchReply(reply, asked.readUInt16BE(0), asked, end, false) !== 'match') {
      done(null, 'timeout')
      return
    }
    const opt = findOpt(reply, end)
    fullRcode(reply, opt)
    cookieOf(reply, opt)
    this.matched++
    exchanged(asked, reply, done)
  }
}

/** Throws where `reply` is not one that may be sent to who asked `query`. */
export function checkReply(query: Buffer, reply: Buffer | null, transport: 'udp' | 'tcp'): void {
  const mustDrop = query.length < 12 || (query[2]! & 0x80) !== 0
  if (mustDrop !== (reply === null)) throw new Error(mustDrop ? 'answered' : 'not answered')
  if (!reply) return
  const decoded = decode(reply, { rdata: false })
  if (decoded.id !== query.readUInt16BE(0)) throw new Error('another ID')
  if (!decoded.flags.includes('qr') || decoded.flags.includes('z')) throw new Error('QR or Z')
  if (transport === 'udp' && reply.length > 1232) throw new Error(`${reply.length} octets over UDP`)
  if (transport === 'udp' && !decoded.opt && reply.length > 512)
    throw new Error(`${reply.length} octets, no OPT`)
  if (isLocal(decoded.question ?? '.')) return
  for (const record of decoded.sections[0]) checkTarget(reply, record.type, record.rdata)
}

/** The stock resolver's own names are nobody's to inspect: hosts without a dot, its zones, private reverse zones. */
function isLocal(question: string): boolean {
  const name = question.split(' ')[0]!.replaceAll('\\.', '')
  return !name.includes('.') || name.endsWith('.lan') || name.endsWith('.in-addr.arpa')
}

/** No answer leads to a listed name, however it is written. */
function checkTarget(reply: Buffer, type: number, rdata: Buffer): void {
  const offset = type === 5 || type === 39 ? 0 : type === 64 || type === 65 ? 2 : -1
  if (offset < 0) return
  const into = Buffer.alloc(256)
  const at = rdata.byteOffset - reply.byteOffset + offset
  const length = expandName(reply, at, reply.length, into)
  const name = into.subarray(0, Math.max(0, length))
  if (length > 0 && isBelow(name, bad)) throw new Error(`leads to ${nameToText(name)}`)
}

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** Octets that live on, after garbage collection. */
export function liveBytes(): number {
  collect()
  collect()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}
