import { Rcode, Type } from '../dns/constants.ts'
import { type EmptyZone, emptyZone } from '../dns/empty-zone.ts'
import { isWithin, nameFromText } from '../dns/name.ts'
import { Question } from '../dns/question.ts'
import { answerTail, negativeTail, type ReplySections, replyWith } from '../dns/reply.ts'
import { isHostName, stockZones } from './local-names.ts'
import type { QueryPolicy } from './policy.ts'
import { NEXT, type Query, type QueryStep, type StepResult } from './query.ts'
import { emptyReverseZones, loopbackReverseNames } from './reverse-zones.ts'

const TTL = 3600
const CANARY_TTL = 60

const canary = negativeTail(Rcode.NXDOMAIN, CANARY_TTL)
const localhost4 = answerTail(Type.A, TTL, Buffer.from([127, 0, 0, 1]))
const localhost6 = answerTail(Type.AAAA, TTL, Buffer.concat([Buffer.alloc(15), Buffer.from([1])]))
const localhostPtr = answerTail(Type.PTR, TTL, Buffer.from('\x09localhost\x00', 'latin1'))

function wire(text: string): Buffer {
  const name = nameFromText(text)
  if (!name) throw new RangeError(`not a name: ${text}`)
  return name
}

type Rule = (query: Query, length: number) => StepResult

type Served = (zone: EmptyZone, type: number, isApex: boolean) => ReplySections

/** A zone that is served here: at its apex SOA and NS (RFC 6303 §3), all else as `served` says. */
function special(text: string, served: Served): [string, Rule] {
  const name = wire(text)
  let zone: EmptyZone | undefined
  const rule: Rule = (query, length) => {
    zone ??= emptyZone(name)
    const isApex = length === name.length
    query.reason = 'special-name'
    if (isApex && query.type === Type.SOA) return replyWith(query, zone.soa)
    if (isApex && query.type === Type.NS) return replyWith(query, zone.ns)
    return replyWith(query, served(zone, query.type, isApex))
  }
  return [text, rule]
}

/** A zone that must not leave the modem. */
const empty = (text: string) => special(text, (zone, _, isApex) => (isApex ? zone.nodata : zone.nxdomain))

/** RFC 6761 §6.3: localhost is always this host. */
const localhost: Served = (zone, type) =>
  type === Type.A ? localhost4 : type === Type.AAAA ? localhost6 : zone.nodata

const loopbackName: Served = (zone, type, isApex) =>
  isApex ? (type === Type.PTR ? localhostPtr : zone.nodata) : zone.nxdomain

/** Owned by the stock resolver: DHCP names and private reverse zones go to it as they are (docs/dns.md, Own and special names). */
const local: Rule = (query) => {
  query.local = true
  return NEXT
}

function zoneRules(localZones: readonly string[]): [Buffer, Rule][] {
  const rules: [string, Rule][] = [
    ...stockZones(localZones).map((zone): [string, Rule] => [zone, local]),
    ...loopbackReverseNames.map((zone) => special(zone, loopbackName)),
    ...emptyReverseZones.map(empty),
    special('localhost', localhost),
    // RFC 9462 §6.1: DDR would lead clients round us; never forwarded.
    special('resolver.arpa', (zone) => zone.nodata),
    // RFC 6761 §6.2, §6.4; RFC 7686 §2; RFC 9476 §3; RFC 6762 §22.1
    ...['test', 'invalid', 'onion', 'alt', 'local'].map(empty),
  ]
  return rules.map(([zone, rule]) => [wire(zone), rule])
}

/** Names whose NXDOMAIN tells a browser or a phone to use the network's resolver; every type alike. */
const canaries = ['use-application-dns.net', 'mask.icloud.com', 'mask-h2.icloud.com'].map(wire)

/** Length and first octet of the last label: cheap enough for every query, and right for all but a few names. */
function lastLabelMark(name: Uint8Array, lastLabel: number): number {
  return ((name[lastLabel]! & 0x3f) << 8) | name[lastLabel + 1]!
}

function lastLabelOf(name: Buffer): number {
  let label = 0
  for (let next = name[0]! + 1; next < name.length - 1; next += name[next]! + 1) label = next
  return label
}

/**
 * Own and special names, before anything is looked up.
 * @param localZones zones of the stock resolver; they beat the special-use registry, since the modem serves them
 * @param refuseBypass answer the canary names while protecting
 */
export function specialNames(
  policy: QueryPolicy,
  localZones: readonly string[],
  refuseBypass: boolean,
): QueryStep {
  const zones = zoneRules(localZones)
  const marked = new Uint8Array(1 << 14)
  for (const [zone] of zones) marked[lastLabelMark(zone, lastLabelOf(zone))] = 1
  const canaryLengths = new Uint8Array(256)
  if (refuseBypass) for (const name of canaries) canaryLengths[name.length] = 1

  const inZone = (query: Query): StepResult => {
    const { nameLength } = query
    for (const [zone, rule] of zones) {
      if (isWithin(Question.name, nameLength, zone)) return rule(query, nameLength)
    }
    return NEXT
  }

  const atCanary = (query: Query): StepResult => {
    for (const name of canaries) {
      if (name.length === query.nameLength && isWithin(Question.name, query.nameLength, name)) {
        query.reason = 'relay-canary'
        return replyWith(query, canary)
      }
    }
    return NEXT
  }

  return (query) => {
    if (canaryLengths[query.nameLength] && policy.filtering) {
      const outcome = atCanary(query)
      if (outcome !== NEXT) return outcome
    }
    // On the list it is neither a host of the household nor nothing.
    if (query.lastLabel === 0 && isHostName(Question.name, query.nameLength, query.type))
      query.local = !(policy.filtering && policy.verdict(Question.name, 0) >= 0)
    return marked[lastLabelMark(Question.name, query.lastLabel)] ? inZone(query) : NEXT
  }
}
