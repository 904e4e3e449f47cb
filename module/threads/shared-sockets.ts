import { type ChildProcess, spawn } from 'node:child_process'
import { createSocket, type Socket } from 'node:dgram'
import { messageOf, SecureNetError } from '../base/error.ts'
import { numericLookup } from '../base/numeric-lookup.ts'
import type { UdpListener } from '../listener/udp.ts'
import type { SharedSocket } from './messages.ts'

/** The descriptors of the child start here: 0 to 2, and its channel to us. */
const FIRST_FD = 4
/** On a slow modem a Node takes a second to start. */
const CHILD_MS = 20_000

/**
 * Sends back, each as a descriptor of its own, the sockets that it was born with, and stays until we have them. It takes
 * libuv's handles and not dgram's sockets: those would read, and swallow what the household asks meanwhile.
 */
const childCode = `
const { UDP, constants } = process.binding('udp_wrap')
const count = Number(process.argv[1])
process.on('disconnect', () => process.exit(0))
for (let i = 0; i < count; i++) {
  const handle = new UDP(constants.SOCKET)
  if (handle.open(${FIRST_FD} + i) < 0) process.exit(1)
  process.send(i, handle, (error) => error && process.exit(1))
}`

/** @returns none where this Node does not tell a socket's descriptor: then there is nothing to share */
export function sharedSockets(listeners: readonly UdpListener[]): SharedSocket[] {
  return listeners.flatMap(({ address, port, descriptor }) =>
    descriptor === null
      ? []
      : [{ fd: descriptor, type: address.includes(':') ? 'udp6' : 'udp4', address, port } as const],
  )
}

export type TakeSockets = (
  sockets: readonly SharedSocket[],
  take: (socket: Socket, from: SharedSocket) => void,
) => Promise<void>

function startChild(sockets: readonly SharedSocket[]): ChildProcess {
  return spawn(process.execPath, ['--no-deprecation', '-e', childCode, String(sockets.length)], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc', ...sockets.map(({ fd }) => fd)],
  })
}

/**
 * Gives this thread descriptors of its own for sockets that another thread has bound. Both event loops then poll one
 * socket, and the kernel gives each datagram to whoever reads first. Node cannot duplicate a descriptor; a child process
 * can pass one back (docs/adr/0009-query-threads.md). Were the number itself shared, a thread that dies would close it for all.
 * @param take called for each in turn, at once: it reads from then on
 * @throws SecureNetError THREAD_SOCKETS
 */
export const takeSharedSockets: TakeSockets = (sockets, take) =>
  new Promise((resolve, reject) => {
    const fail = (why: string) =>
      reject(new SecureNetError('THREAD_SOCKETS', why, 'The other threads serve; it is tried again.'))
    let taken = 0
    const child = startChild(sockets)
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      fail(`no sockets within ${CHILD_MS} ms`)
    }, CHILD_MS)
    child.on('message', (index, handle) => {
      const from = sockets[Number(index)]
      if (!from || !handle) return
      const socket = createSocket({ type: from.type, lookup: numericLookup })
      try {
        // As node:cluster hands its sockets over: a handle in the place of a port.
        socket.bind(handle as never)
        take(socket, from)
        taken++
      } catch (error) {
        fail(messageOf(error))
      }
      if (taken < sockets.length) return
      child.disconnect()
      resolve()
    })
    child.on('error', (error) => fail(messageOf(error)))
    child.on('exit', (code) => {
      clearTimeout(timer)
      fail(`${taken} of ${sockets.length} sockets came, exit code ${code}`)
    })
  })
