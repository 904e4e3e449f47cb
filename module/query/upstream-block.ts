import { addressBytes } from '../base/address.ts'
import { v4Within } from '../base/address-class.ts'
import { BLOCKED, categories } from '../category.ts'

const MALWARE = categories.indexOf('malware')
const PHISHING = categories.indexOf('phishing')

/** Where another filter leads the names that it blocks (`upstream.warningPages`). */
export interface WarningPage {
  readonly address: string
  /** A category of the list, or `blocked` where the filter blocks without a word why. */
  readonly category: (typeof categories)[number] | 'blocked'
}

/**
 * Recognises an address to which the resolver behind us leads a name that it has blocked.
 * @returns the category's number, or -1
 */
export type UpstreamBlock = (bytes: Uint8Array, at: number, length: number) => number

/** The block pages of Cisco's resolvers, 146.112.61.104 to .110: .107 malware, .108 phishing, the others plainly blocked. */
function ciscoBlock(bytes: Uint8Array, at: number): number {
  if (bytes[at] !== 146 || bytes[at + 1] !== 112 || bytes[at + 2] !== 61) return -1
  const last = bytes[at + 3]!
  if (last < 104 || last > 110) return -1
  if (last === 107) return MALWARE
  return last === 108 ? PHISHING : BLOCKED
}

const keyOf = (bytes: Uint8Array, at: number, length: number) =>
  Buffer.from(bytes.buffer, bytes.byteOffset + at, length).toString('latin1')

const numberOf = (category: WarningPage['category']) =>
  category === 'blocked' ? BLOCKED : categories.indexOf(category)

/** Cisco's addresses, and the configured ones (docs/dns.md, Blocked). */
export function createUpstreamBlock(pages: readonly WarningPage[]): UpstreamBlock {
  const configured = new Map(
    pages.map(({ address, category }) => {
      const bytes = addressBytes(address)
      return [keyOf(bytes, 0, bytes.length), numberOf(category)]
    }),
  )
  const blockAt: UpstreamBlock = (bytes, at, length) => {
    const cisco = length === 4 ? ciscoBlock(bytes, at) : -1
    if (cisco >= 0 || configured.size === 0) return cisco
    return configured.get(keyOf(bytes, at, length)) ?? -1
  }
  return (bytes, at, length) => {
    if (length === 4) return blockAt(bytes, at, 4)
    if (length !== 16) return -1
    const mapped = v4Within(bytes, at)
    return mapped < 0 ? blockAt(bytes, at, 16) : blockAt(bytes, mapped, 4)
  }
}
