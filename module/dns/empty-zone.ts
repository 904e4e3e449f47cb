import { Rcode, Type } from './constants.ts'
import { optRecord } from './edns.ts'
import { nameFromText } from './name.ts'
import type { ReplySections } from './reply.ts'

/** RFC 6303 §3. */
const TTL = 10_800
const mailbox = nameFromText('nobody.invalid')!
/** Serial, refresh, retry, expire, and minimum. */
const soaNumbers = [1, 3600, 1200, 604_800, TTL]

function zoneRecord(zone: Buffer, type: number, rdata: Buffer): Buffer {
  const fixed = Buffer.from([0, type, 0, 1, 0, 0, 0, 0, 0, rdata.length])
  fixed.writeUInt32BE(TTL, 4)
  fixed.writeUInt16BE(rdata.length, 8)
  return Buffer.concat([zone, fixed, rdata])
}

/** What a zone that we serve ourselves says: at its apex SOA and NS, and that there is nothing else. */
export interface EmptyZone {
  soa: ReplySections
  ns: ReplySections
  nodata: ReplySections
  nxdomain: ReplySections
}

/** As RFC 6303 §3 has it. @param zone its wire name, lower-cased */
export function emptyZone(zone: Buffer): EmptyZone {
  const numbers = Buffer.alloc(soaNumbers.length * 4)
  for (const [i, value] of soaNumbers.entries()) numbers.writeUInt32BE(value, i * 4)
  const soa = zoneRecord(zone, Type.SOA, Buffer.concat([zone, mailbox, numbers]))
  const opt = optRecord(Rcode.NOERROR)
  return {
    soa: { rcode: Rcode.NOERROR, answers: 1, authorities: 0, records: soa, opt },
    ns: { rcode: Rcode.NOERROR, answers: 1, authorities: 0, records: zoneRecord(zone, Type.NS, zone), opt },
    nodata: { rcode: Rcode.NOERROR, answers: 0, authorities: 1, records: soa, opt },
    nxdomain: { rcode: Rcode.NXDOMAIN, answers: 0, authorities: 1, records: soa, opt },
  }
}
