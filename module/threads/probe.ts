import { addressBytes } from '../base/address.ts'
import { Rcode, Type } from '../dns/constants.ts'
import { nameFromText } from '../dns/name.ts'
import { queryMessage } from '../dns/query-message.ts'

/** A question of the self-test: type A, recursion desired, no EDNS, so that a block ends with its address. */
export function probeQuestion(name: string): Buffer {
  return queryMessage(nameFromText(name) ?? Buffer.alloc(1), Type.A)
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
