import { type DecodedMessage, decode } from '../helpers/zone-text.ts'

/** Flags that must be the same in both replies: AA is ours to clear (docs/dns.md, Bits). */
const flagsOf = (message: DecodedMessage) => message.flags.filter((flag) => flag !== 'aa').join(' ')

const withoutTtl = (section: DecodedMessage['sections'][0]) =>
  section.map(({ owner, type, class: cls, rdata, text }) => {
    // Compressed names of RDATA are compared as text, everything else as octets.
    const value = text.slice(text.indexOf(' ', owner.length + 1))
    return `${owner} ${cls} ${type} ${value.includes('\\#') ? rdata.toString('hex') : value}`
  })

function ttlDifference(ours: DecodedMessage, theirs: DecodedMessage, seconds: number): string | null {
  for (let i = 0; i < 3; i++) {
    for (const [at, record] of ours.sections[i]!.entries()) {
      const other = theirs.sections[i]![at]!
      if (Math.abs(other.ttl - record.ttl) > seconds) return `TTL ${record.text} against ${other.text}`
    }
  }
  return null
}

function optDifference(ours: DecodedMessage['opt'], theirs: DecodedMessage['opt']): string | null {
  if ((ours === null) !== (theirs === null)) return `OPT ${ours ? 'ours' : 'theirs'} alone`
  if (!ours || !theirs) return null
  if (ours.size !== 1232) return `payload size ${ours.size}`
  if (ours.flags !== theirs.flags || ours.version !== theirs.version) return 'OPT flags or version'
  return null
}

/**
 * Two replies to one question, ours and one straight from upstream, but for what docs/dns.md says may differ: ID, AA,
 * TTLs by a few seconds, the OPT's payload size and options, and what is left of an answer that is truncated.
 * @returns what else differs, or null
 */
export function difference(query: Buffer, oursBytes: Buffer, theirsBytes: Buffer, ttlSeconds: number) {
  const [ours, theirs] = [decode(oursBytes), decode(theirsBytes)]
  if (ours.rcode !== theirs.rcode) return `RCODE ${ours.rcode} against ${theirs.rcode}`
  if (flagsOf(ours) !== flagsOf(theirs)) return `flags ${flagsOf(ours)} against ${flagsOf(theirs)}`
  let end = 12
  while (query[end] !== 0) end += query[end]! + 1
  if (oursBytes.compare(query, 12, end + 5, 12, end + 5) !== 0) return 'question not as asked'
  const opt = optDifference(ours.opt, theirs.opt)
  if (opt) return opt
  if (ours.flags.includes('tc')) return null
  for (let i = 0; i < 3; i++) {
    const [a, b] = [withoutTtl(ours.sections[i]!).join('\n'), withoutTtl(theirs.sections[i]!).join('\n')]
    if (a !== b) return `section ${i}:\n${a}\nagainst\n${b}`
  }
  return ttlDifference(ours, theirs, ttlSeconds)
}
