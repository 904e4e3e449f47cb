import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { clientKey } from '../base/client-key.ts'
import type { Clock } from '../base/clock.ts'
import { codeOf, messageOf, SecureNetError } from '../base/error.ts'
import type { Log } from '../base/log.ts'
import type { Branding, Endpoint } from '../config/config.ts'
import { type ConnectionLimits, Connections } from './connections.ts'
import { bareHeaders } from './headers.ts'
import type { PageData } from './page-data.ts'
import { onClientError, refuseConnection } from './refusals.ts'
import { createResponder, type PageResponse } from './respond.ts'

export interface BlockPageLimits extends ConnectionLimits {
  /** Bytes of request line and header fields; more is a 431. */
  readonly headerBytes: number
  /** ms from the connection, or the previous request, to the end of the header. */
  readonly headersMs: number
  /** ms without a byte either way. */
  readonly silenceMs: number
  readonly keepAliveMs: number
  /** Requests of one connection that wait for their answer to be sent: pipelining beyond is cut off. */
  readonly pipelined: number
  /** Bytes of a request body that are read and dropped, and the ms that this may take. */
  readonly bodyBytes: number
  readonly bodyMs: number
}

/** Some 250 places at 8 KB of header and four pages of 20 KB each: 22 MB if all of them are hostile at once. */
export const defaultLimits: BlockPageLimits = {
  total: 256,
  perClient: 64,
  headerBytes: 8192,
  headersMs: 5000,
  silenceMs: 10_000,
  keepAliveMs: 3000,
  pipelined: 4,
  bodyBytes: 256 * 1024,
  bodyMs: 2000,
}

/** Takes a connection before anything of it is read; calls `serve` where the page shall answer it after all. */
export type ConnectionFilter = (socket: Socket, serve: () => void) => void

export interface BlockPageOptions {
  /** Port 0 takes a free one: see `endpoints`. */
  readonly listen: readonly Endpoint[]
  readonly branding: Branding
  readonly data: PageData
  readonly ownNames?: readonly string[]
  /** Left out: the page answers every connection. */
  readonly front?: ConnectionFilter
  readonly clock: Clock
  readonly log: Log
  readonly limits?: Partial<BlockPageLimits>
}

export interface BlockPage {
  /**
   * Listens on every endpoint, or on none.
   * @throws SecureNetError PAGE_LISTEN_FAILED naming the endpoint
   */
  start(): Promise<void>
  /** Closes every connection; safe to call twice. */
  stop(): Promise<void>
  /** Closes the connections that have asked for nothing yet: who comes again meets the front as it is then. */
  closeSilent(): void
  /** Where it listens now. */
  readonly endpoints: readonly Endpoint[]
}

const CONNECTION_CHECK_MS = 1000
/** Over it the kernel drops a bystander's SYN, which is sent again only after a second; Linux caps it at somaxconn, 4096. */
const BACKLOG = 4096

function listening(server: Server, { address, port }: Endpoint): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      const remedy =
        codeOf(error) === 'EADDRINUSE'
          ? 'Stop what else uses this port, or change page.listen.'
          : 'Correct page.listen: the address must be one of this modem, and a low port needs the right to bind it.'
      reject(
        new SecureNetError(
          'PAGE_LISTEN_FAILED',
          `block page on ${address} port ${port}: ${messageOf(error)}`,
          remedy,
        ),
      )
    })
    server.listen({ host: address, port, ipv6Only: true, backlog: BACKLOG }, resolve)
  })
}

class HttpBlockPage implements BlockPage {
  readonly #options: BlockPageOptions
  readonly #limits: BlockPageLimits
  readonly #respond: ReturnType<typeof createResponder>
  readonly #connections: Connections<Socket>
  readonly #waiting = new WeakMap<Socket, number>()
  #servers: Server[] = []

  constructor(options: BlockPageOptions) {
    this.#options = options
    this.#limits = { ...defaultLimits, ...options.limits }
    this.#respond = createResponder({ ...options, now: () => options.clock.now() })
    this.#connections = new Connections(this.#limits)
  }

  get endpoints(): readonly Endpoint[] {
    return this.#servers.map((server) => {
      const { address, port } = server.address() as AddressInfo
      return { address, port }
    })
  }

  async start(): Promise<void> {
    try {
      for (const endpoint of this.#options.listen) {
        const server = this.#server()
        await listening(server, endpoint)
        server.on('error', (error) => this.#options.log.error('page-server-error', { code: codeOf(error) }))
        this.#servers.push(server)
      }
    } catch (error) {
      await this.stop()
      throw error
    }
    for (const { address, port } of this.endpoints)
      this.#options.log.info('page-listening', { address, port })
  }

  async stop(): Promise<void> {
    const closed = this.#servers.map((server) => new Promise((resolve) => server.close(resolve)))
    this.#servers = []
    this.#connections.closeAll()
    await Promise.all(closed)
  }

  closeSilent(): void {
    this.#connections.closeAll((socket) => (this.#waiting.get(socket) ?? 0) === 0)
  }

  #server(): Server {
    const { headerBytes, headersMs, silenceMs, keepAliveMs } = this.#limits
    const server = createServer({
      maxHeaderSize: headerBytes,
      headersTimeout: headersMs,
      // A body is never awaited, see #answer: this bounds the header too, so it must not be the shorter one.
      requestTimeout: headersMs + silenceMs,
      keepAliveTimeout: keepAliveMs,
      connectionsCheckingInterval: Math.min(CONNECTION_CHECK_MS, headersMs),
      // Refused with our own headers, in respond.ts.
      requireHostHeader: false,
    })
    server.timeout = silenceMs
    const serves = server.listeners('connection')
    server.removeAllListeners('connection')
    server.on('connection', (socket) => {
      this.#onConnection(socket)
      const serve = () => {
        for (const listener of serves) listener.call(server, socket)
      }
      if (this.#options.front) this.#options.front(socket, serve)
      else serve()
    })
    const onRequest = (request: IncomingMessage, response: ServerResponse) =>
      this.#onRequest(request, response)
    server.on('request', onRequest)
    // Whoever asks before sending a body is told the answer at once (RFC 9110 §10.1.1).
    server.on('checkContinue', onRequest)
    server.on('checkExpectation', onRequest)
    server.on('connect', (_request, socket) => refuseConnection(socket, '403 Forbidden'))
    server.on('clientError', onClientError)
    return server
  }

  #onConnection(socket: Socket): void {
    const client = clientKey(socket.remoteAddress)
    socket.once('close', () => this.#connections.remove(socket, client))
    this.#connections.add(socket)
  }

  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request
    if (socket.destroyed) return
    const waiting = (this.#waiting.get(socket) ?? 0) + 1
    if (waiting > this.#limits.pipelined) return void socket.destroy()
    this.#waiting.set(socket, waiting)
    response.once('close', () => this.#waiting.set(socket, (this.#waiting.get(socket) ?? 1) - 1))
    this.#connections.touch(socket)
    this.#answer(request, response, this.#responseTo(request))
  }

  #responseTo(request: IncomingMessage): PageResponse {
    const { httpVersion, url = '', rawHeaders, method = '', headers } = request
    if (request.httpVersionMajor !== 1)
      return { status: 505, headers: { ...bareHeaders, Connection: 'close' }, body: '' }
    const fetchDest = headers['sec-fetch-dest']
    try {
      return this.#respond({
        httpVersion,
        url,
        rawHeaders,
        method,
        accept: headers.accept,
        acceptLanguage: headers['accept-language'],
        fetchDest: typeof fetchDest === 'string' ? fetchDest : undefined,
      })
    } catch (error) {
      this.#options.log.error('page-failed', { code: codeOf(error), message: messageOf(error) })
      return { status: 500, headers: bareHeaders, body: '' }
    }
  }

  /**
   * The answer goes out at once; it ends only when the body has been read and dropped, within limits: closing before would
   * reset the connection and take the answer from a client that is still sending (RFC 9112 §9.6).
   */
  #answer(request: IncomingMessage, response: ServerResponse, { status, headers, body }: PageResponse): void {
    const { 'content-length': length, 'transfer-encoding': coding } = request.headers
    const hasBody = coding !== undefined || (length !== undefined && length !== '0')
    const bytes = Buffer.from(body)
    response.writeHead(status, {
      ...headers,
      'Content-Length': bytes.length,
      ...(hasBody || status === 400 ? { Connection: 'close' } : {}),
    })
    if (!hasBody) return void response.end(bytes)
    if (bytes.length > 0) response.write(bytes)
    else response.flushHeaders()
    let left = this.#limits.bodyBytes
    const timer = this.#options.clock.after(this.#limits.bodyMs, () => response.end())
    const done = () => {
      timer.cancel()
      response.end()
    }
    request.on('data', (chunk: Buffer) => {
      left -= chunk.length
      if (left < 0) done()
    })
    request.once('end', done)
    request.once('close', done)
    request.on('error', done)
  }
}

/** The HTTP server for blocked hosts, and for whoever opens the address itself. */
export function createBlockPage(options: BlockPageOptions): BlockPage {
  return new HttpBlockPage(options)
}
