import { createSocket } from 'node:dgram'
import { isLoopback } from '../base/address-class.ts'
import type { Clock } from '../base/clock.ts'
import { type Answer, readAnswer } from '../dns/answer.ts'
import { Flag, Rcode, Type } from '../dns/constants.ts'
import { nameFromText } from '../dns/name.ts'
import { queryMessage } from '../dns/query-message.ts'
import { QUESTION_FIXED_BYTES } from '../dns/question.ts'
import { matchReply } from '../dns/reply-matcher.ts'
import { RandomPool } from './random-pool.ts'
import type { ServerAddress } from './upstream.ts'

const CLASS_CH = 3
const misses = nameFromText('misses.bind')!
const TIMEOUT_MS = 1000
/** All others are taken for a stranger's: nobody waits in line for this. */
const MAX_AT_ONCE = 8
/**
 * dnsmasq does not send on again, nor count, a question that it has sent on less than two whole seconds ago: the same
 * question asked again would get the stranger's answer to the first.
 */
const REFUSED_MS = 5000
const MAX_REFUSED = 256

type Done = (own: Answer | null) => void

function counterQuestion(id: number): Buffer {
  const message = queryMessage(misses, Type.TXT, id)
  message.writeUInt16BE(CLASS_CH, message.length - 2)
  return message
}

/** The number in the TXT record of a reply to `misses.bind`; null where the server does not say. */
function countIn(reply: Buffer, questionEnd: number): number | null {
  if ((reply.readUInt16BE(2) & 0xf) !== Rcode.NOERROR || reply.readUInt16BE(6) === 0) return null
  const text = /(\d+)$/.exec(reply.subarray(questionEnd).toString('latin1'))
  return text ? Number(text[1]) : null
}

interface Reply {
  readonly message: Buffer
  readonly reply: Buffer
}

const isReplyTo = (reply: Buffer, message: Buffer) =>
  matchReply(reply, message.readUInt16BE(0), message, message.length, true) === 'match'

/** The reply is the server's own word, and whole: an address record at the end of what it says, not a pointer to elsewhere. */
function ownAnswer(reply: Buffer, questionEnd: number): Answer | null {
  const flags = reply.readUInt16BE(2)
  if ((flags & Flag.AA) === 0 || (flags & Flag.TC) !== 0) return null
  const answer = readAnswer(reply, questionEnd)
  if (answer === null || answer.rcode !== Rcode.NOERROR) return null
  const asked = reply.readUInt16BE(questionEnd - QUESTION_FIXED_BYTES)
  return answer.records.slice(0, answer.answers).some(({ type }) => type === asked) ? answer : null
}

/**
 * Tells what the stock resolver holds itself from what it was told by others. AA alone does not: dnsmasq passes on whatever
 * AA a stranger's server has set (docs/adr/0015-household-names.md). So it is asked again without recursion, which no
 * recursive resolver behind it answers for others with AA; and where it counts what it forwards, as dnsmasq does
 * (`misses.bind`), the count before and after must be the same.
 */
export class OwnData {
  readonly #server: ServerAddress | null
  readonly #clock: Clock
  readonly #random: RandomPool
  /** By name and type. */
  readonly #running = new Map<string, Done[]>()
  /** Monotonic ms until which the name is not asked for again; the oldest first. */
  readonly #refused = new Map<string, number>()
  /** False: it has said that it has no such count, and is not asked for it again. */
  #counts = true

  /**
   * @param servers the stock resolver; the word of one that is not on loopback is worth nothing
   * @param sharedBy threads that ask it: of several none does, since each would get the answer to another's question
   */
  constructor(options: { servers: readonly ServerAddress[]; sharedBy: number; clock: Clock }) {
    const { servers, sharedBy, clock } = options
    const isHere = sharedBy === 1 && servers.every(({ address }) => isLoopback(address))
    this.#server = isHere ? servers[0]! : null
    this.#clock = clock
    this.#random = new RandomPool()
  }

  /**
   * Asks the stock resolver for what it holds itself.
   * @param name in wire form
   * @param done once, later: its answer, or null where it is not known to be its own
   */
  ask(name: Uint8Array, type: number, done: Done): void {
    const server = this.#server
    const key = `${type} ${Buffer.from(name).toString('latin1')}`
    const waiting = this.#running.get(key)
    if (waiting) waiting.push(done)
    else if (server === null || this.#running.size >= MAX_AT_ONCE || this.#isRefused(key))
      queueMicrotask(() => done(null))
    else {
      this.#running.set(key, [done])
      this.#prove(server, queryMessage(name, type, this.#random.id()), (own) => this.#settle(key, own))
    }
  }

  #isRefused(key: string): boolean {
    return this.#clock.monotonic() < (this.#refused.get(key) ?? 0)
  }

  #settle(key: string, own: Answer | null): void {
    const waiting = this.#running.get(key) ?? []
    this.#running.delete(key)
    this.#refused.delete(key)
    if (own === null) this.#refused.set(key, this.#clock.monotonic() + REFUSED_MS)
    // The oldest goes: it has been over for long, or there is a flood of names.
    if (this.#refused.size > MAX_REFUSED) this.#refused.delete(this.#refused.keys().next().value!)
    for (const done of waiting) done(own)
  }

  /** Count, question, count: one socket, so that the server takes them one after the other. */
  #prove({ address, port }: ServerAddress, question: Buffer, done: Done): void {
    // Neither RD nor AD: dnsmasq joins equal questions that are in flight, and all that are forwarded for clients have AD.
    question.writeUInt16BE(0, 2)
    const [before, after] = [counterQuestion(this.#random.id()), counterQuestion(this.#random.id())]
    const sent = this.#counts ? [before, question, after] : [question]
    const replies: Reply[] = []
    const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4')
    const finish = (own: Answer | null) => {
      timer.cancel()
      socket.removeAllListeners().on('error', () => undefined)
      socket.close()
      done(own)
    }
    const timer = this.#clock.after(TIMEOUT_MS, () => finish(null))
    socket.on('error', () => finish(null))
    socket.on('message', (reply) => {
      const message = sent.find((one) => isReplyTo(reply, one))
      if (!message || replies.some((known) => known.message === message)) return
      replies.push({ message, reply })
      if (replies.length === sent.length) finish(this.#judge(replies, question))
    })
    socket.connect(port, address, () => {
      for (const message of sent) socket.send(message)
    })
  }

  /** @param replies to all that was sent, as they came */
  #judge(replies: readonly Reply[], question: Buffer): Answer | null {
    const at = replies.findIndex(({ message }) => message === question)
    const own = ownAnswer(replies[at]!.reply, question.length)
    const counts = replies
      .filter((_, i) => i !== at)
      .map(({ message, reply }) => countIn(reply, message.length))
    if (counts.every((count) => count === null)) {
      this.#counts = false
      return own
    }
    // Of its own data it speaks at once: between the two counts, which are the same.
    return at === 1 && counts[0] === counts[1] ? own : null
  }
}
