import { HEADER_BYTES } from './constants.ts'

/** The longest name, its root octet included (RFC 1035 §2.3.4). */
export const NAME_BYTES = 255

const UPPER_A = 0x41
const UPPER_Z = 0x5a

function lowerLabel(message: Uint8Array, at: number, size: number, into: Uint8Array, length: number): void {
  for (let i = 1; i <= size; i++) {
    const octet = message[at + i]!
    into[length + i] = octet >= UPPER_A && octet <= UPPER_Z ? octet | 0x20 : octet
  }
}

/**
 * Copies the uncompressed name at `start` lower-cased (A-Z only) to `into`.
 * @returns its length with the root octet, or -1: cut off, too long, or a label type other than 00 (RFC 9267 §2)
 */
export function lowerName(message: Uint8Array, start: number, end: number, into: Uint8Array): number {
  let at = start
  let length = 0
  for (;;) {
    if (at >= end) return -1
    const size = message[at]!
    into[length] = size
    if (size === 0) return length + 1
    if (size > 63 || length + size + 2 > NAME_BYTES || at + size >= end) return -1
    lowerLabel(message, at, size, into, length)
    at += size + 1
    length += size + 1
  }
}

/**
 * Skips the possibly compressed name at `start` without following its pointer.
 * @returns the offset after it, or -1
 */
export function skipName(message: Uint8Array, start: number, end: number): number {
  let at = start
  while (at < end) {
    const size = message[at]!
    if (size === 0) return at + 1
    if (size >= 0xc0) return at + 2 <= end ? at + 2 : -1
    if (size > 63) return -1
    at += size + 1
    if (at - start > NAME_BYTES) return -1
  }
  return -1
}

/**
 * Expands the possibly compressed name at `start`, lower-cased, to `into`. Pointers must go strictly backwards, so that
 * no message can make this loop, and never into the header (RFC 9267 §2).
 * @returns its length with the root octet, or -1
 */
export function expandName(message: Uint8Array, start: number, end: number, into: Uint8Array): number {
  let at = start
  let floor = start
  let length = 0
  for (;;) {
    if (at >= end) return -1
    const size = message[at]!
    if (size >= 0xc0) {
      if (at + 1 >= end) return -1
      at = ((size & 0x3f) << 8) | message[at + 1]!
      // The header is rewritten for each client: a name in it would be another than the one that was judged.
      if (at >= floor || at < HEADER_BYTES) return -1
      floor = at
      continue
    }
    into[length] = size
    if (size === 0) return length + 1
    if (size > 63 || length + size + 2 > NAME_BYTES || at + size >= end) return -1
    lowerLabel(message, at, size, into, length)
    at += size + 1
    length += size + 1
  }
}

function octetToText(octet: number): string {
  if (octet === 0x2e || octet === 0x5c) return `\\${String.fromCharCode(octet)}`
  if (octet > 0x20 && octet < 0x7f) return String.fromCharCode(octet)
  return `\\${String(octet).padStart(3, '0')}`
}

/** Master-file text of the uncompressed name at `start` (RFC 1035 §5.1): `\.` and `\DDD` for what would mislead. */
export function nameToText(wire: Uint8Array, start = 0): string {
  let text = ''
  let at = start
  for (;;) {
    const size = wire[at] ?? 0
    if (size === 0 || size > 63) return text === '' ? '.' : text
    if (text !== '') text += '.'
    for (let i = 1; i <= size; i++) text += octetToText(wire[at + i] ?? 0)
    at += size + 1
  }
}

/** One label of master-file text, from `at`; null where an escape is broken. */
function readLabel(text: string, at: number): { octets: number[]; next: number } | null {
  const octets: number[] = []
  let i = at
  while (i < text.length && text[i] !== '.') {
    let octet = text.charCodeAt(i)
    if (text[i] === '\\') {
      const decimal = /^\\(\d{3})/.exec(text.slice(i, i + 4))
      octet = decimal ? Number(decimal[1]) : text.charCodeAt(i + 1)
      i += decimal ? 3 : 1
    }
    if (!(octet <= 255)) return null
    octets.push(octet >= UPPER_A && octet <= UPPER_Z ? octet | 0x20 : octet)
    i++
  }
  return { octets, next: i }
}

/**
 * Wire form, lower-cased, of a name in master-file text, with or without the final dot.
 * @returns null where it is not a name: empty or long labels, more than 255 octets, not Latin-1
 */
export function nameFromText(text: string): Buffer | null {
  const octets: number[] = []
  const body = text === '.' ? '' : text
  let at = 0
  while (at < body.length) {
    const label = readLabel(body, at)
    if (!label || label.octets.length === 0 || label.octets.length > 63) return null
    octets.push(label.octets.length, ...label.octets)
    at = label.next + 1
  }
  octets.push(0)
  return octets.length > NAME_BYTES || (body === '' && text !== '.') ? null : Buffer.from(octets)
}

/** Whether the uncompressed lower-cased name equals `zone` or lies below it. */
export function isWithin(wire: Uint8Array, length: number, zone: Uint8Array): boolean {
  const start = length - zone.length
  if (start < 0) return false
  for (let i = 0; i < zone.length; i++) if (wire[start + i] !== zone[i]) return false
  let at = 0
  while (at < start) at += wire[at]! + 1
  return at === start
}
