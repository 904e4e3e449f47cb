import { addressBytes } from '../base/address.ts'
import { Flag, HEADER_BYTES, Rcode, Type } from '../dns/constants.ts'
import { nameFromText } from '../dns/name.ts'

/** A question of the self-test: type A, recursion desired, no EDNS, so that a block ends with its address. */
export function probeQuestion(name: string): Buffer {
  const wire = nameFromText(name) ?? Buffer.alloc(1)
  const message = Buffer.alloc(HEADER_BYTES + wire.length + 4)
  message.writeUInt16BE(Flag.RD, 2)
  message.writeUInt16BE(1, 4)
  message.set(wire, HEADER_BYTES)
  message.writeUInt16BE(Type.A, HEADER_BYTES + wire.length)
  message.writeUInt16BE(1, HEADER_BYTES + wire.length + 2)
  return message
}

const rcodeOf = (reply: Uint8Array) => reply[3]! & 15

/** @returns whether the reply is one address record, and holds that address */
export function isBlockedWith(reply: Uint8Array | null, address: string): boolean {
  if (reply === null || rcodeOf(reply) !== Rcode.NOERROR || (reply[6]! << 8) + reply[7]! !== 1) return false
  return Buffer.from(addressBytes(address)).equals(reply.subarray(-4))
}

/** @returns whether somebody behind us has answered, whatever he said */
export function isForwarded(reply: Uint8Array | null | undefined): boolean {
  return reply != null && rcodeOf(reply) !== Rcode.SERVFAIL
}
