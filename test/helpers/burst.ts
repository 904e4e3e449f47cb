import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { expect } from 'vitest'
import { query } from './wire.ts'

/**
 * So many questions in one turn, for a name whose address is 127.0.0.1.
 * @returns the IDs that were answered, ascending, once there are as many
 */
export async function burst(
  port: number,
  name: string,
  count: number,
  address = '127.0.0.1',
): Promise<number[]> {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4')
  socket.connect(port, address)
  await once(socket, 'connect')
  const ids: number[] = []
  const all = new Promise<void>((resolve) => {
    socket.on('message', (reply) => {
      expect(reply.subarray(-4).join('.')).toBe('127.0.0.1')
      if (ids.push(reply.readUInt16BE(0)) === count) resolve()
    })
  })
  for (let id = 0; id < count; id++) socket.send(query({ id, name, type: 1 }))
  await all
  socket.close()
  return ids.sort((a, b) => a - b)
}
