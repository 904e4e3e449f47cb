import { createSocket, type Socket } from 'node:dgram'
import { isIPv6 } from 'node:net'
import type { Clock, Timer } from '../base/clock.ts'
import { messageOf, SecureNetError } from '../base/error.ts'

/**
 * What the kernel did with a renewal: `taken`: the lease's clock starts again; `asked`: likewise, and questions were
 * let in to us a moment ago; `not-taken`: the rule is not there, or somebody's firewall keeps it from being reached.
 */
export type Renewal = 'taken' | 'asked' | 'not-taken'

export interface RenewalDatagram {
  readonly address: string
  /** Both its source and its destination. */
  readonly port: number
  /** One at a time. @param nonce 8 bytes that the rule knows */
  send(nonce: Buffer): Promise<Renewal>
  close(): void
}

/** The rule answers while the datagram is being sent; anything later is a process that had no time for it. */
const TIMEOUT_MS = 500

/** A rule's `reject` comes back as the errno of its ICMP type (ruleset.ts, chain `renew`). */
const outcomes = new Map<string, Renewal>([
  ['ECONNREFUSED', 'taken'],
  ['EHOSTUNREACH', 'asked'],
  ['EACCES', 'asked'],
])

class SelfAddressed implements RenewalDatagram {
  readonly address: string
  readonly port: number
  readonly #socket: Socket
  readonly #clock: Clock
  #settle: ((outcome: Renewal) => void) | null = null

  constructor(socket: Socket, clock: Clock) {
    const { address, port } = socket.address()
    this.address = address
    this.port = port
    this.#socket = socket
    this.#clock = clock
  }

  listen(): void {
    // Without the rule it comes back to its sender as it was sent.
    this.#socket.on('message', () => this.#settle?.('not-taken'))
    this.#socket.on('error', (error: NodeJS.ErrnoException) =>
      this.#settle?.(outcomes.get(error.code ?? '') ?? 'not-taken'),
    )
  }

  send(nonce: Buffer): Promise<Renewal> {
    return new Promise((resolve) => {
      let timer: Timer | undefined
      this.#settle = (outcome) => {
        this.#settle = null
        timer?.cancel()
        resolve(outcome)
      }
      timer = this.#clock.after(TIMEOUT_MS, () => this.#settle?.('not-taken'))
      this.#socket.send(nonce, (error) => {
        if (error) this.#settle?.('not-taken')
      })
    })
  }

  close(): void {
    this.#settle?.('not-taken')
    this.#socket.close()
  }
}

/**
 * A socket on loopback that talks to itself, so that a rule on the way can take its datagrams as renewals.
 * @param address `127.0.0.1` or `::1`
 * @throws SecureNetError INTERCEPT_NO_LOOPBACK
 */
export async function openRenewalDatagram(address: string, clock: Clock): Promise<RenewalDatagram> {
  const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4')
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject)
      socket.bind(0, address, () => resolve())
    })
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject)
      socket.connect(socket.address().port, address, () => resolve())
    })
  } catch (error) {
    socket.close()
    throw new SecureNetError(
      'INTERCEPT_NO_LOOPBACK',
      `${address} cannot be used: ${messageOf(error)}`,
      'bring the interface lo up',
      { cause: error },
    )
  }
  socket.removeAllListeners('error')
  socket.unref()
  const datagram = new SelfAddressed(socket, clock)
  datagram.listen()
  return datagram
}
