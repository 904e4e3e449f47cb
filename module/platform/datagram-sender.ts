import type { Socket } from 'node:dgram'
import { getSystemErrorName } from 'node:util'

/** Sends one datagram; the address is a literal, left out on a connected socket. */
export interface DatagramSender {
  /**
   * @returns true where the kernel has taken the datagram, and the buffer is the caller's again; false where it will be
   * sent later, and `sent` tells when
   */
  send(bytes: Buffer, port?: number, address?: string): boolean
}

/** @param error null where it went out */
export type OnSent = (error: Error | null) => void

interface SendRequest {
  list: Buffer[]
  oncomplete: ((code: number) => void) | null
}

/** libuv's own: what `dgram` calls underneath. A positive result is sent, 0 is queued, a negative one is an errno. */
interface Handle {
  readonly fd?: number
  recvStart?(): number
  recvStop?(): number
  send(request: SendRequest, list: Buffer[], count: number, ...rest: unknown[]): number
}

interface Internals {
  SendWrap: new () => SendRequest
}

/** As `dgram` makes it: `code` is the system's name, such as ECONNREFUSED. */
function sendError(errno: number): Error {
  const code = getSystemErrorName(errno)
  return Object.assign(new Error(`send ${code}`), { code, errno, syscall: 'send' })
}

function internals(): Internals | null {
  try {
    const { binding } = process as unknown as { binding(name: string): Partial<Internals> }
    const { SendWrap } = binding.call(process, 'udp_wrap')
    return SendWrap ? { SendWrap } : null
  } catch {
    return null
  }
}

function handleOf(socket: Socket): Handle | null {
  const symbol = Object.getOwnPropertySymbols(socket).find(
    ({ description }) => description === 'state symbol',
  )
  const state = symbol && (socket as unknown as Record<symbol, { handle?: Partial<Handle> }>)[symbol]
  return typeof state?.handle?.send === 'function' ? (state.handle as Handle) : null
}

/** @returns the number under which the system knows the socket; null where Node's inside looks otherwise */
export function descriptorOf(socket: Socket): number | null {
  const fd = handleOf(socket)?.fd
  return fd !== undefined && fd >= 0 ? fd : null
}

/** A socket that is read by somebody else at times. */
export interface RawSocket {
  readonly fd: number
  /** Node reads no more, and tells of nothing that comes. */
  pause(): void
  resume(): void
}

/** @returns null where Node's inside looks otherwise */
export function rawSocketOf(socket: Socket): RawSocket | null {
  const fd = descriptorOf(socket)
  const handle = handleOf(socket)
  if (fd === null || typeof handle?.recvStop !== 'function' || typeof handle.recvStart !== 'function')
    return null
  return { fd, pause: () => void handle.recvStop?.(), resume: () => void handle.recvStart?.() }
}

/**
 * `dgram`'s send makes a request, a closure and a list for every datagram; the kernel takes nearly all of them at once, so
 * that one request can serve for ever (docs/adr/0006-sending-datagrams.md). Where Node's inside looks otherwise, `dgram`
 * itself sends.
 */
export function datagramSender(socket: Socket, sent: OnSent): DatagramSender {
  const inside = internals()
  const handle = handleOf(socket)
  if (!inside || !handle) {
    return {
      send(bytes, port, address) {
        if (port === undefined) socket.send(bytes, sent)
        else socket.send(bytes, port, address, sent)
        return false
      },
    }
  }
  const { SendWrap } = inside
  const newRequest = (): SendRequest => {
    const request = new SendWrap()
    request.list = [Buffer.alloc(0)]
    request.oncomplete = (code) => sent(code < 0 ? sendError(code) : null)
    return request
  }
  let request = newRequest()
  return {
    send(bytes, port, address) {
      const { list } = request
      list[0] = bytes
      const result =
        port === undefined
          ? handle.send(request, list, 1, true)
          : handle.send(request, list, 1, port, address, true)
      if (result > 0) return true
      // Queued: the request and the bytes belong to libuv until it completes.
      request = newRequest()
      // As `dgram` does: nobody is told of a failure while he still sends.
      if (result < 0) process.nextTick(sent, sendError(result))
      return false
    },
  }
}
