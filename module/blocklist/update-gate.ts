import { categories } from '../category.ts'
import { nameFromText } from '../dns/name.ts'
import { core } from './core.ts'
import { createMatcher } from './matcher.ts'
import type { Store } from './store.ts'

/** @returns why a candidate must not serve, or null */
export type HealthGate = (candidate: Store) => string | null

/** Sites that no list of threats has a reason to hold: one of them listed means that the list is wrong. */
export const popularSample: readonly string[] = [
  'google.com',
  'www.google.com',
  'google.be',
  'youtube.com',
  'facebook.com',
  'instagram.com',
  'whatsapp.com',
  'wikipedia.org',
  'amazon.com',
  'apple.com',
  'icloud.com',
  'microsoft.com',
  'live.com',
  'office.com',
  'outlook.com',
  'netflix.com',
  'linkedin.com',
  'github.com',
  'cloudflare.com',
  'mozilla.org',
  'spotify.com',
  'zoom.us',
  'paypal.com',
  'bing.com',
  'duckduckgo.com',
  'booking.com',
  'adobe.com',
  'dropbox.com',
  'reddit.com',
  'tiktok.com',
  'www.proximus.be',
  'vrt.be',
  'rtbf.be',
  'hln.be',
  'nieuwsblad.be',
  'lesoir.be',
  'kbc.be',
  'belfius.be',
  'ing.be',
  'bnpparibasfortis.be',
  'argenta.be',
  'belgium.be',
  'itsme-id.com',
  'bpost.be',
  'belgiantrain.be',
  'bol.com',
  'coolblue.be',
  'delhaize.be',
  'colruyt.be',
  '2dehands.be',
]

export interface GateOptions {
  /** `<category>.<testZone>` must be blocked. */
  testZone: string
  /** Never-block names of the configuration, besides the module's own. */
  neverBlock?: readonly string[]
  popular?: readonly string[]
}

/** Asks the list alone: what core and allow would forgive is a wrong list all the same. */
export function createHealthGate({
  testZone,
  neverBlock = [],
  popular = popularSample,
}: GateOptions): HealthGate {
  return (candidate) => {
    const matcher = createMatcher({ store: candidate, allow: [], core: [] })
    const blocked = (name: string) => {
      const wire = nameFromText(name)
      return wire !== null && matcher.verdict(wire, 0) !== 0
    }
    for (const category of categories)
      if (!blocked(`${category}.${testZone}`)) return `test name ${category}.${testZone} is not blocked`
    for (const name of core) if (blocked(name)) return `${name} of the never-block core is blocked`
    for (const name of neverBlock) if (blocked(name)) return `${name} of dns.neverBlock is blocked`
    for (const name of popular) if (blocked(name)) return `the popular ${name} is blocked`
    return null
  }
}
