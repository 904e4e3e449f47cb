import { chmod, mkdir, rename, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http'
import { join } from 'node:path'
import { codeOf, messageOf, SecureNetError } from '../base/error.ts'
import type { Log } from '../base/log.ts'

/** What the daemon answers to the command line, rpcd and hotplug. Every result goes out as JSON. */
export interface LocalHandlers {
  status(): unknown
  check(name: string): Promise<unknown>
  selfTest(): Promise<unknown>
  support(): Promise<unknown>
  /** netifd says which logical interface carries the default route; null: none. */
  activeInterface(name: string | null): unknown
}

export interface LocalSocketOptions {
  runDir: string
  handlers: LocalHandlers
  log: Log
}

/** sockaddr_un, unix(7): 108 bytes with the final zero, and the name is first a longer one. */
const MAX_PATH = 100
const MAX_BODY = 4096
const MAX_CONNECTIONS = 16
const MAX_ANSWER = 4 * 1024 * 1024

type Route = (url: URL, body: unknown) => unknown

/** HTTP on `<runDir>/control.sock`, for the module's user and root alone. */
export class LocalSocket {
  readonly #path: string
  readonly #options: LocalSocketOptions
  readonly #routes: ReadonlyMap<string, Route>
  #server: Server | undefined

  constructor(options: LocalSocketOptions) {
    this.#options = options
    this.#path = join(options.runDir, 'control.sock')
    this.#routes = routesOf(options.handlers)
  }

  /** @throws SecureNetError RUNDIR_PATH_TOO_LONG, DAEMON_ALREADY_RUNNING, RUNDIR_NOT_WRITABLE */
  async start(): Promise<void> {
    if (Buffer.byteLength(this.#path) > MAX_PATH)
      throw new SecureNetError(
        'RUNDIR_PATH_TOO_LONG',
        `${this.#path} is longer than ${MAX_PATH} bytes, which no socket can be named`,
        'Choose a shorter runDir.',
      )
    if (await answers(this.#path))
      throw new SecureNetError(
        'DAEMON_ALREADY_RUNNING',
        `another daemon answers on ${this.#path}`,
        'Stop it first, or give this one a runDir of its own.',
      )
    const server = createServer({ requestTimeout: 5000, headersTimeout: 2000, maxHeaderSize: 4096 })
    server.maxConnections = MAX_CONNECTIONS
    server.on('request', (asked, answer) => void this.#serve(asked, answer))
    try {
      await mkdir(this.#options.runDir, { recursive: true, mode: 0o700 })
      await this.#listen(server)
    } catch (cause) {
      server.close()
      throw new SecureNetError(
        'RUNDIR_NOT_WRITABLE',
        `${this.#path}: ${messageOf(cause)}`,
        'Check runDir and the rights of the module’s user.',
        { cause },
      )
    }
    this.#server = server
  }

  /** Under another name until its rights are set: at no moment may everybody connect. */
  async #listen(server: Server): Promise<void> {
    const early = `${this.#path}.new`
    await rm(early, { force: true })
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(early, resolve)
    })
    await chmod(early, 0o600)
    await rename(early, this.#path)
  }

  async stop(): Promise<void> {
    const server = this.#server
    if (!server) return
    this.#server = undefined
    await rm(this.#path, { force: true })
    const closed = new Promise((resolve) => server.close(resolve))
    server.closeAllConnections()
    await closed
  }

  async #serve(asked: IncomingMessage, answer: ServerResponse): Promise<void> {
    try {
      const url = new URL(asked.url ?? '/', 'http://local')
      const route = this.#routes.get(`${asked.method} ${url.pathname}`)
      if (!route)
        throw new SecureNetError(
          'LOCAL_UNKNOWN',
          `there is no ${asked.method} ${url.pathname}`,
          'See --help.',
        )
      send(answer, 200, await route(url, await bodyOf(asked)))
    } catch (error) {
      const code = codeOf(error)
      if (!(error instanceof SecureNetError))
        this.#options.log.warn('local-socket', { code, message: messageOf(error) })
      const remedy = error instanceof SecureNetError ? error.remedy : ''
      send(answer, code === 'LOCAL_UNKNOWN' ? 404 : 422, {
        error: { code, message: messageOf(error), remedy },
      })
    }
  }
}

function routesOf(handlers: LocalHandlers): ReadonlyMap<string, Route> {
  return new Map<string, Route>([
    ['GET /status', () => handlers.status()],
    ['GET /check', (url) => handlers.check(nameIn(url))],
    ['POST /self-test', () => handlers.selfTest()],
    ['GET /support', () => handlers.support()],
    ['POST /active-interface', (_url, body) => handlers.activeInterface(interfaceIn(body)) ?? { ok: true }],
  ])
}

function nameIn(url: URL): string {
  const name = url.searchParams.get('name') ?? ''
  if (name === '' || name.length > 253)
    throw new SecureNetError('LOCAL_BAD_REQUEST', 'name: 1 to 253 characters', 'Give the name of a site.')
  return name
}

function interfaceIn(body: unknown): string | null {
  const given = typeof body === 'object' && body !== null && 'interface' in body ? body.interface : undefined
  if (given === null || given === '') return null
  if (typeof given === 'string' && /^[A-Za-z0-9_.@-]{1,64}$/.test(given)) return given
  throw new SecureNetError(
    'LOCAL_BAD_REQUEST',
    'interface: a netifd interface name, or null',
    'Send {"interface": "wan"}.',
  )
}

async function bodyOf(asked: IncomingMessage): Promise<unknown> {
  let text = ''
  for await (const piece of asked.setEncoding('utf8')) {
    text += piece
    if (text.length > MAX_BODY)
      throw new SecureNetError('LOCAL_BAD_REQUEST', `the body is longer than ${MAX_BODY} characters`)
  }
  if (text === '') return undefined
  try {
    return JSON.parse(text)
  } catch {
    throw new SecureNetError('LOCAL_BAD_REQUEST', 'the body is not JSON')
  }
}

function send(answer: ServerResponse, status: number, result: unknown): void {
  if (answer.writableEnded || answer.destroyed) return
  answer.writeHead(status, { 'content-type': 'application/json', connection: 'close' })
  answer.end(`${JSON.stringify(result ?? null)}\n`)
}

async function answers(path: string): Promise<boolean> {
  try {
    await exchange(path, { method: 'GET', path: '/status', timeoutMs: 1000 })
    return true
  } catch (error) {
    return !['ENOENT', 'ECONNREFUSED'].includes(codeOf(error))
  }
}

interface LocalRequest {
  method: 'GET' | 'POST'
  path: string
  body?: unknown
  timeoutMs: number
}

function exchange(socketPath: string, question: LocalRequest): Promise<{ status: number; text: string }> {
  const { method, path, body, timeoutMs } = question
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(timeoutMs)
    const asked = request({ socketPath, method, path, signal, agent: false }, (answer) => {
      let text = ''
      answer.setEncoding('utf8')
      answer.on('data', (piece) => {
        text += piece
        if (text.length > MAX_ANSWER) asked.destroy(new Error('the answer is too long'))
      })
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }))
      answer.on('error', reject)
    })
    asked.on('error', reject)
    asked.end(body === undefined ? undefined : JSON.stringify(body))
  })
}

/**
 * What `securenet status` and its like ask.
 * @param path with its query, e.g. `/check?name=example.net`
 * @returns the daemon's answer, parsed
 * @throws SecureNetError DAEMON_NOT_RUNNING, DAEMON_NO_ACCESS, DAEMON_NO_ANSWER, or the daemon's own code
 */
export async function askDaemon(
  runDir: string,
  path: string,
  options: { method?: 'GET' | 'POST'; body?: unknown; timeoutMs?: number } = {},
): Promise<unknown> {
  const { method = 'GET', body, timeoutMs = 30_000 } = options
  const socketPath = join(runDir, 'control.sock')
  let answer: { status: number; text: string }
  try {
    answer = await exchange(socketPath, { method, path, body, timeoutMs })
  } catch (cause) {
    throw unreachable(socketPath, cause)
  }
  const result: unknown = JSON.parse(answer.text)
  if (answer.status === 200) return result
  const { code, message, remedy } = (result as { error: { code: string; message: string; remedy: string } })
    .error
  throw new SecureNetError(code, message, remedy)
}

function unreachable(socketPath: string, cause: unknown): SecureNetError {
  const code = codeOf(cause)
  if (code === 'ENOENT' || code === 'ECONNREFUSED')
    return new SecureNetError(
      'DAEMON_NOT_RUNNING',
      `nothing answers on ${socketPath}`,
      'Start the daemon, or name the right configuration with --config.',
      { cause },
    )
  if (code === 'EACCES')
    return new SecureNetError(
      'DAEMON_NO_ACCESS',
      `${socketPath} may not be used by this user`,
      'Ask as root or as the module’s user.',
      { cause },
    )
  return new SecureNetError(
    'DAEMON_NO_ANSWER',
    `${socketPath}: ${messageOf(cause)}`,
    'The daemon is there but did not answer in time; see its log.',
    { cause },
  )
}
