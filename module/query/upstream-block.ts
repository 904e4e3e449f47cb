import { BLOCKED, categories } from '../category.ts'

const MALWARE = categories.indexOf('malware')
const PHISHING = categories.indexOf('phishing')

/**
 * Recognises the block pages of Cisco's resolvers, 146.112.61.104 to .110 (docs/dns.md, Blocked).
 * @returns the category: .107 malware, .108 phishing, the others plainly blocked; or -1
 */
export function upstreamBlock(bytes: Uint8Array, at: number): number {
  if (bytes[at] !== 146 || bytes[at + 1] !== 112 || bytes[at + 2] !== 61) return -1
  const last = bytes[at + 3]!
  if (last < 104 || last > 110) return -1
  if (last === 107) return MALWARE
  return last === 108 ? PHISHING : BLOCKED
}
