import type { Duplex } from 'node:stream'
import { bareHeaders } from './headers.ts'

const lastWords = Object.entries({ Connection: 'close', 'Content-Length': '0', ...bareHeaders })
  .map(([name, value]) => `${name}: ${value}`)
  .join('\r\n')

/** A last word for what never became a request. */
export function refuseConnection(socket: Duplex, line: string): void {
  if (!socket.writable) return void socket.destroy()
  socket.end(`HTTP/1.1 ${line}\r\n${lastWords}\r\n\r\n`, () => socket.destroy())
}

const refusals = new Map([
  ['HPE_HEADER_OVERFLOW', '431 Request Header Fields Too Large'],
  ['ERR_HTTP_REQUEST_TIMEOUT', '408 Request Timeout'],
])

/** For the server's `clientError`. */
export function onClientError(error: NodeJS.ErrnoException & { rawPacket?: Buffer }, socket: Duplex): void {
  // 0x16 opens a TLS handshake: an answer in plain text would only be noise there.
  if (error.code === 'ECONNRESET' || error.rawPacket?.[0] === 0x16) socket.destroy()
  else refuseConnection(socket, refusals.get(error.code ?? '') ?? '400 Bad Request')
}
