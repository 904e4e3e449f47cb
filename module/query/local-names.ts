import { Type } from '../dns/constants.ts'
import { isWithin, nameFromText } from '../dns/name.ts'
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

/**
 * Names of the stock resolver's own, for questions that do not come through the chain, where `specialNames` tells.
 * @param localZones as configured
 */
export function localNames(localZones: readonly string[]): (name: Uint8Array, type: number) => boolean {
  const zones = stockZones(localZones).flatMap((zone) => nameFromText(zone) ?? [])
  return (name, type) =>
    isHostName(name, name.length, type) || zones.some((zone) => isWithin(name, name.length, zone))
}
