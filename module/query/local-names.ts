import { Type } from '../dns/constants.ts'
import { stockReverseZones } from './reverse-zones.ts'

/** A and AAAA: what a person means by a plain host name. A DS or NS of a top-level domain is a public question. */
const isAddress = (type: number) => type === Type.A || type === Type.AAAA

/** A name without a dot, such as `printer`: a host of the household, or nothing. @param name in wire form */
export function isHostName(name: Uint8Array, length: number, type: number): boolean {
  return length > 1 && name[0]! + 2 === length && isAddress(type)
}

/** @param localZones as configured; @returns every zone that is the stock resolver's, in presentation form */
export function stockZones(localZones: readonly string[]): string[] {
  return [...localZones, ...stockReverseZones]
}
