import { isIP } from 'node:net'
import { domainToASCII } from 'node:url'

/** Why a name was not taken. */
export type NameFault = 'path' | 'port' | 'ip-address' | 'bad-idn' | 'bad-name' | 'too-long'

export type Name = { ok: true; name: string } | { ok: false; fault: NameFault }

const bad = (fault: NameFault): Name => ({ ok: false, fault })

/**
 * Letters, digits, hyphen, and the underscore that real lists and real DNS have; lower case. A hyphen at the end of a
 * label is no host name to RFC 952, but hosters give such names to phishers, and browsers ask for them (RFC 2181 §11).
 */
const plain = /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/

/** What domainToASCII would silently cut off, decode or ignore: it parses a URL's host, not a name. */
const notOfAName = /[\s%@?#<>[\]\\^|`{}"'(),;=!$&+*~\p{Cc}]/u

function withinLimits(name: string): Name {
  if (name.length > 253) return bad('too-long')
  for (const label of name.split('.')) if (label.length > 63) return bad('too-long')
  return { ok: true, name }
}

function fromUnicode(text: string): Name {
  const ascii = domainToASCII(text)
  if (ascii === '') return bad('bad-idn')
  // Digits of other scripts may have become an address.
  if (isIP(ascii)) return bad('ip-address')
  return plain.test(ascii) ? withinLimits(ascii) : bad('bad-name')
}

/**
 * A name of a list as A-labels, lower case, without the final dot (UTS 46, RFC 5890 §2.3.2.1).
 * A URL, a port, an address or anything but a name is refused, never repaired by guessing.
 */
export function normaliseName(text: string): Name {
  const lower = text.toLowerCase()
  const name = lower.endsWith('.') ? lower.slice(0, -1) : lower
  if (name.includes('/')) return bad('path')
  if (isIP(name) || /^\[.*\]$/.test(name)) return bad('ip-address')
  if (/:\d*$/.test(name)) return bad('port')
  if (plain.test(name)) {
    // `1.2.3` and `0x7f.1` are addresses to a browser (WHATWG URL, "ends in a number").
    const last = name.slice(name.lastIndexOf('.') + 1)
    if (/^(\d+|0x[0-9a-f]*)$/.test(last)) return bad('ip-address')
    // A-labels are what is asked of DNS, also where no U-label belongs to them: real lists have such names.
    return withinLimits(name)
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the question is whether all of it is ASCII
  if (/^[\x00-\x7f]*$/.test(name) || notOfAName.test(name)) return bad('bad-name')
  return fromUnicode(name)
}
