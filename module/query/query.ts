import { CLASSIC_UDP_BYTES } from '../dns/constants.ts'
import { Question } from '../dns/question.ts'
import type { AnswerReason } from './reason.ts'

export type Transport = 'udp' | 'tcp'

/** Sends nothing: for what must not be answered. */
export const DROP = Symbol('drop')
/** The answer comes later, through `query.respond`. */
export const PENDING = Symbol('pending')
/** This step has nothing to say; the next one is asked. */
export const NEXT = Symbol('next')

/** A buffer has the reply in its first `query.replyLength` octets. */
export type StepResult = Buffer | typeof DROP | typeof PENDING | typeof NEXT

/** One step of the chain. Synchronous: only `forward` answers later. */
export type QueryStep = (query: Query) => StepResult

const TCP_BYTES = 65_535

/** One query on its way through the chain: the view of its question, and who asked. */
export class Query extends Question {
  clientAddress: string
  readonly transport: Transport
  /** A device of the household asks, not the module itself. */
  fromClient = false
  /** Monotonic ms, of the queries whose time is taken; 0 for the others. */
  receivedAt = 0
  /** Sends a reply that was PENDING; called once at most. */
  respond: ((reply: Buffer) => void) | null = null
  /** Why the answer is what it is; every step that answers sets it. */
  reason: AnswerReason = 'dropped'
  /** Category of a block, or -1. */
  category = -1
  /** Clients of one view share an upstream and its answers; 0 is the common one. */
  view = 0
  /** Lower-cased name, type, DO, CD, RD and view: equal for questions that one answer serves. Set by the cache step where it has no answer. */
  key = ''
  /** The policy's revision under which the name was found not to be listed; 0 where it was not looked up. */
  revision = 0
  /** The stock resolver's own names (DHCP hosts, private reverse zones): neither judged nor checked for rebinding. */
  local = false
  /** Asked of the stock resolver in every mode, and judged all the same. */
  atStock = false

  constructor(message: Buffer, clientAddress: string, transport: Transport) {
    super(message)
    this.clientAddress = clientAddress
    this.transport = transport
  }

  /** As `reuse`, of a datagram. */
  reuseFor(message: Buffer, length: number, slot: Buffer, clientAddress: string): void {
    this.reuse(message, length, slot)
    this.clientAddress = clientAddress
    this.fromClient = false
    this.receivedAt = 0
    this.respond = null
    this.reason = 'dropped'
    this.category = -1
    this.view = 0
    this.key = ''
    this.revision = 0
    this.local = false
    this.atStock = false
  }

  /** The same question of the same client, once this view is another's; it is nobody's to be answered. */
  copy(): Query {
    const copy = new Query(this.message, this.clientAddress, this.transport)
    copy.length = this.length
    copy.keep()
    copy.read()
    copy.view = this.view
    copy.key = this.key
    copy.revision = this.revision
    copy.local = this.local
    copy.atStock = this.atStock
    return copy
  }

  /** Most octets of a reply to this client. */
  get limit(): number {
    if (this.transport === 'tcp') return TCP_BYTES
    return this.hasEdns ? this.udpBytes : CLASSIC_UDP_BYTES
  }
}
