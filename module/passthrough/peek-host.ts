import type { Socket } from 'node:net'
import type { Clock } from '../base/clock.ts'
import type { HostPeek } from './reading.ts'

/** A name no longer than any, in a head with many cookies; a ClientHello in records of its own. */
const MOST = 16_384

/**
 * Reads until `read` knows whom a connection is for, 16 KB have come, it has ended, or `ms` are over. The socket is paused
 * then, nothing listens to it any more, and what was read has been put back.
 * @returns the name of the site; null where they do not say
 */
export function peekHost(
  socket: Socket,
  read: (bytes: Buffer) => HostPeek,
  clock: Clock,
  ms: number,
): Promise<string | null> {
  return new Promise((resolve) => {
    let bytes: Buffer = Buffer.alloc(0)
    const done = (name: string | null = null) => {
      timer.cancel()
      socket.pause()
      socket.off('data', onData).off('end', onEnd).off('close', onEnd).off('error', onEnd)
      // At once: a stream with nothing left in it would tell its end to nobody.
      if (bytes.length > 0 && !socket.readableEnded && !socket.destroyed) socket.unshift(bytes)
      resolve(name)
    }
    const onEnd = () => done()
    const timer = clock.after(ms, onEnd)
    const onData = (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk])
      const reading = bytes.length > MOST ? { name: null } : read(bytes)
      if (reading !== 'more') done(reading.name)
    }
    socket.on('data', onData).on('end', onEnd).on('close', onEnd).on('error', onEnd)
  })
}
