import { parse } from 'tldts'
import type { EntrySet } from '../../../module/blocklist/format/entries.ts'
import { findHash } from './find-hash.ts'
import { type Names, parents } from './gather.ts'
import type { NameHasher } from './hasher.ts'

/** What each guard found does: stop the build, leave the entry out, or (hosting suffixes) keep that one name of it. */
export interface GuardPolicy {
  /** The root, a bare TLD, or a tree on a suffix that registries sell names under (ICANN section). */
  suffix: 'stop' | 'drop'
  /** A tree on a suffix under which a host gives names away (private section): blogspot.com. */
  hosting: 'stop' | 'demote' | 'drop'
  /** An entry at, above or below a name of the never-block core. */
  core: 'stop' | 'drop'
  /** An entry that blocks a popular name, be it of the file or of those that every modem asks its candidate for. */
  popular: 'stop' | 'drop'
  /** An entry that blocks a host that very many share (hosts-of-all.ts). */
  shared: 'stop' | 'drop'
  /** Names that the operator means to block all the same, whatever public suffix, hosting, popular or shared guards find. */
  exempt: ReadonlySet<string>
}

export const strict: GuardPolicy = {
  suffix: 'stop',
  hosting: 'demote',
  core: 'stop',
  popular: 'stop',
  shared: 'stop',
  exempt: new Set(),
}

export type GuardName =
  | 'root'
  | 'bare-tld'
  | 'public-suffix'
  | 'hosting-suffix'
  | 'core'
  | 'popular'
  | 'gate'
  | 'shared'
  | 'collision'

export interface Finding {
  guard: GuardName
  /** The entry. */
  name: string
  /** Number of the input it came from. */
  input: number
  /** The popular or core name that it hits. */
  hits?: string
  action: 'stop' | 'drop' | 'demote'
}

/** No list can hold these, exempt or not (docs/list-format.md §2): nobody asks for them. */
export const neverEntries: ReadonlySet<GuardName> = new Set(['root', 'bare-tld'])

const lookup = { allowPrivateDomains: true, extractHostname: false, validateHostname: false, detectIp: false }

/** @returns which suffix guard a tree on this name meets, if any (publicsuffix.org) */
function suffixGuard(name: string): GuardName | undefined {
  if (name === '') return 'root'
  if (!name.includes('.')) return 'bare-tld'
  const { publicSuffix, isPrivate } = parse(name, lookup)
  if (publicSuffix !== name) return undefined
  return isPrivate ? 'hosting-suffix' : 'public-suffix'
}

/** A single label that is no TLD at all is a slip of the source: it can do no harm and is left out. */
function suffixAction(guard: GuardName, name: string, policy: GuardPolicy): Finding['action'] {
  if (guard === 'hosting-suffix') return policy.hosting
  if (guard === 'bare-tld' && !parse(name, lookup).isIcann) return 'drop'
  return policy.suffix
}

function settle(names: Names, finding: Finding): void {
  // A build that stops has a report, for which a set is made of what is left.
  if (finding.action === 'drop' || neverEntries.has(finding.guard)) names.delete(finding.name)
  if (finding.action === 'demote') {
    const entry = names.get(finding.name)
    if (entry) entry.scope = 'exact'
  }
}

/** Public suffixes; applies what the policy says. */
export function guardSuffixes(names: Names, policy: GuardPolicy): Finding[] {
  const findings: Finding[] = []
  for (const [name, { scope, input }] of names) {
    const guard = suffixGuard(name)
    if (!guard) continue
    if (!neverEntries.has(guard) && (scope === 'exact' || policy.exempt.has(name))) continue
    findings.push({ guard, name, input, action: suffixAction(guard, name, policy) })
  }
  for (const finding of findings) settle(names, finding)
  return findings
}

/** @returns entries that block `name`: it itself, or a tree above it */
function blockers(names: Names, name: string): string[] {
  const found = names.has(name) ? [name] : []
  for (const parent of parents(name)) if (names.get(parent)?.scope === 'tree') found.push(parent)
  return found
}

/**
 * An entry is found once, whatever else it hits.
 * @param core names never blocked, with everything below them
 */
export function guardCore(names: Names, core: readonly string[], policy: GuardPolicy): Finding[] {
  const findings = new Map<string, Finding>()
  const found = (name: string, hits: string) => {
    const input = names.get(name)?.input ?? 0
    if (!findings.has(name)) findings.set(name, { guard: 'core', name, input, hits, action: policy.core })
  }
  const zones = new Set(core)
  for (const zone of zones) for (const name of blockers(names, zone)) found(name, zone)
  for (const name of names.keys()) {
    // Such an entry would never block; it says that the source is wrong.
    const zone = parents(name).find((parent) => zones.has(parent))
    if (zone !== undefined) found(name, zone)
  }
  for (const finding of findings.values()) settle(names, finding)
  return [...findings.values()]
}

/** Who must not be blocked, and what a finding of it does. An entry is found once, whatever else it hits. */
interface Watch {
  guard: 'popular' | 'gate' | 'shared'
  asked: Iterable<string>
  action: Finding['action']
  exempt?: ReadonlySet<string>
}

function watch(names: Names, { guard, asked, action, exempt }: Watch): Finding[] {
  const findings = new Map<string, Finding>()
  for (const hits of asked) {
    for (const name of blockers(names, hits)) {
      if (exempt?.has(name) || findings.has(name)) continue
      findings.set(name, { guard, name, input: names.get(name)?.input ?? 0, hits, action })
    }
  }
  for (const finding of findings.values()) settle(names, finding)
  return [...findings.values()]
}

/** Popular names, and `www.` before each. */
export function guardPopular(names: Names, popular: readonly string[], policy: GuardPolicy): Finding[] {
  const asked = popular.flatMap((site) => [site, `www.${site}`])
  return watch(names, { guard: 'popular', asked, action: policy.popular, exempt: policy.exempt })
}

/** @param hosts that very many share, and `www.` before each */
export function guardShared(names: Names, hosts: readonly string[], policy: GuardPolicy): Finding[] {
  const asked = hosts.flatMap((host) => [host, `www.${host}`])
  return watch(names, { guard: 'shared', asked, action: policy.shared, exempt: policy.exempt })
}

/** @param sample of the modem's health gate: it would refuse the whole list for one of these, so that none is exempt */
export function guardGate(names: Names, sample: readonly string[], policy: GuardPolicy): Finding[] {
  return watch(names, { guard: 'gate', asked: sample, action: policy.popular })
}

/**
 * A name that is not listed, nor any name above it, but whose hash is: under another key it would not be.
 * @param watched popular and core names
 * @returns names that this set would block by accident
 */
export function collisions(
  set: EntrySet,
  names: Names,
  watched: Iterable<string>,
  hasher: NameHasher,
): Finding[] {
  const found: Finding[] = []
  const seen = new Set<string>()
  for (const site of watched) {
    for (const name of [site, `www.${site}`, ...parents(site)]) {
      if (seen.has(name) || names.has(name)) continue
      if (name !== site) seen.add(name)
      hasher.hash(name)
      if (findHash(set, hasher.hi, hasher.lo) >= 0)
        found.push({ guard: 'collision', name, input: 0, hits: site, action: 'stop' })
    }
  }
  return found
}
