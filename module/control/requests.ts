import type { Clock } from '../base/clock.ts'
import { codeOf, messageOf, SecureNetError } from '../base/error.ts'
import type { Log } from '../base/log.ts'
import { TokenBucket } from '../base/token-bucket.ts'
import type { TrustedTime } from '../platform/trusted-time.ts'
import { type Request, type RequestAction, sizeLimits } from './documents/kinds.ts'
import type { ReplayGuard } from './documents/replay-guard.ts'
import { type TrustedKeys, verifyDocument } from './documents/verify.ts'
import { outgoingJson } from './mqtt/outgoing-json.ts'
import type { Message, Session } from './mqtt/session.ts'
import { topics } from './mqtt/topics.ts'

/** What a request leads to; each result is answered as JSON. */
export type RequestHandlers = Readonly<Record<RequestAction, (request: Request) => unknown>>

export interface RequestsOptions {
  modemId: string
  session: Pick<Session, 'subscribe' | 'publish'>
  clock: Clock
  log: Log
  /** requestGate() */
  accept: (payload: Buffer) => Promise<Request>
  handlers: RequestHandlers
  /** The counter that `reported` shows. */
  onRefused: (code: string) => void
}

/** Payload of `modem/{modemId}/response` (schemas/response.json). */
export interface Response {
  v: 1
  modemId: string
  /** Of the request; left out where it could not be verified, so that nobody's words are echoed. */
  id?: string
  action?: RequestAction
  ok: boolean
  result?: unknown
  code?: string
  message?: string
  /** Of REQUEST_RATE_LIMITED: so many requests were refused that are not answered one by one. */
  refused?: number
}

/** Requests that are looked at, a second and at once. */
const LOOKED_AT = { perSecond: 1, burst: 10 }
/** Requests above that which are refused one by one; the rest of a flood share one refusal a second. */
const REFUSED = { perSecond: 2, burst: 20 }
const SUM_MS = 1000
const MAX_RUNNING = 4
const HANDLER_TIMEOUT_MS = 60_000
/** Of a support bundle, before it is refused as too large to send. */
const MAX_RESULT = 192 * 1024
const MAX_CORRELATION = 128

/** Takes signed requests, each executed once, and answers under the modem's own topic and nowhere else. */
export class Requests {
  readonly #options: RequestsOptions
  readonly #topic: string
  readonly #lookedAt: TokenBucket
  readonly #refused: TokenBucket
  #running = 0
  /** Refused and not answered yet. */
  #unanswered = 0

  constructor(options: RequestsOptions) {
    this.#options = options
    this.#topic = topics.response(options.modemId)
    this.#lookedAt = new TokenBucket(LOOKED_AT, options.clock)
    this.#refused = new TokenBucket(REFUSED, options.clock)
  }

  start(): void {
    this.#options.session.subscribe(topics.request(this.#options.modemId), (message) =>
      this.#receive(message),
    )
  }

  /** Resolves when the nonce is recorded, which is before the request is executed. */
  async #receive(message: Message): Promise<void> {
    if (message.payload.length === 0) return
    if (!this.#lookedAt.take()) return this.#refuseUnread(message)
    let request: Request
    try {
      request = await this.#accept(message)
    } catch (error) {
      this.#options.onRefused(codeOf(error))
      this.#options.log.warn('request-refused', { code: codeOf(error), message: messageOf(error) })
      return this.#answer(message, { ...idOf(error), ok: false, ...described(error) })
    }
    void this.#execute(request, message)
  }

  async #accept({ payload, responseTopic }: Message): Promise<Request> {
    if (payload.length > sizeLimits.request)
      throw new SecureNetError(
        'DOC_TOO_LARGE',
        `the request has ${payload.length} bytes`,
        'See docs/control.md.',
      )
    if (responseTopic !== undefined && responseTopic !== this.#topic)
      throw new SecureNetError(
        'REQUEST_RESPONSE_TOPIC',
        `only ${this.#topic} is answered on`,
        'Leave the response topic out, or name that one.',
      )
    if (this.#running >= MAX_RUNNING)
      throw new SecureNetError('REQUEST_BUSY', `${MAX_RUNNING} requests are being worked on`, 'Ask again.')
    return this.#options.accept(payload)
  }

  async #execute(request: Request, message: Message): Promise<void> {
    const { id, action } = request
    this.#running++
    try {
      const result = await this.#withTimeout(request)
      if (JSON.stringify(result ?? null).length > MAX_RESULT)
        throw new SecureNetError('REQUEST_RESULT_TOO_LARGE', `the result of ${action} is too large`)
      this.#answer(message, { id, action, ok: true, result: result ?? null })
    } catch (error) {
      this.#answer(message, { id, action, ok: false, ...described(error) })
    } finally {
      this.#running--
    }
  }

  #withTimeout(request: Request): Promise<unknown> {
    const { clock, handlers } = this.#options
    return new Promise((resolve, reject) => {
      const timer = clock.after(HANDLER_TIMEOUT_MS, () =>
        reject(
          new SecureNetError('REQUEST_TIMEOUT', `${request.action} took more than ${HANDLER_TIMEOUT_MS} ms`),
        ),
      )
      new Promise((begin) => begin(handlers[request.action](request)))
        .then(resolve, reject)
        .finally(() => timer.cancel())
    })
  }

  #answer(
    { correlationData }: Pick<Message, 'correlationData'>,
    answer: Omit<Response, 'v' | 'modemId'>,
  ): void {
    const { session, modemId, log } = this.#options
    const response: Response = { v: 1, modemId, ...answer }
    const correlated =
      correlationData && correlationData.length <= MAX_CORRELATION ? { correlationData } : undefined
    session
      .publish(this.#topic, Buffer.from(outgoingJson(response, { text: true })), correlated)
      .catch((error) => log.warn('response-lost', { code: codeOf(error), message: messageOf(error) }))
  }

  /** Neither verified nor answered with anything of it: a flood must cost little, and not be answered by a flood. */
  #refuseUnread(message: Message): void {
    this.#options.onRefused(RATE_LIMITED)
    if (this.#refused.take()) {
      this.#answer(message, tooMany)
      return
    }
    if (this.#unanswered++ > 0) return
    this.#options.clock.after(SUM_MS, () => {
      const refused = this.#unanswered
      this.#unanswered = 0
      this.#answer({}, { ...tooMany, refused })
    })
  }
}

const RATE_LIMITED = 'REQUEST_RATE_LIMITED'
const tooMany = { ok: false, code: RATE_LIMITED, message: 'too many requests' }

function described(error: unknown): { code: string; message: string } {
  return { code: codeOf(error), message: messageOf(error).slice(0, 500) }
}

export interface RequestGateOptions {
  modemId: string
  trust: TrustedKeys
  replay: Pick<ReplayGuard, 'claim'>
  trustedTime: Pick<TrustedTime, 'observe' | 'now'>
}

/**
 * Signed by the request role, for this modem, not expired, and its nonce never seen before: on flash when it resolves.
 * @returns a function that throws SecureNetError DOC_*, STATE_*
 */
export function requestGate({
  modemId,
  trust,
  replay,
  trustedTime,
}: RequestGateOptions): RequestsOptions['accept'] {
  return async (payload) => {
    const context = { trust, target: { modemId }, now: trustedTime.now() }
    const { payload: request, epoch } = await verifyDocument('request', payload, context)
    trustedTime.observe(request.issuedAt, 'role')
    try {
      await replay.claim({ ...request, epoch }, trustedTime.now())
    } catch (error) {
      throw error instanceof SecureNetError ? new RefusedRequest(error, request.id) : error
    }
    return request
  }
}

/** A refusal that comes after the signature was verified says which request it means. */
export class RefusedRequest extends SecureNetError {
  readonly requestId: string

  constructor(cause: SecureNetError, requestId: string) {
    super(cause.code, cause.message, cause.remedy, { cause })
    this.requestId = requestId
  }
}

function idOf(error: unknown): { id?: string } {
  return error instanceof RefusedRequest ? { id: error.requestId } : {}
}
