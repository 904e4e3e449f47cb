import { SecureNetError } from '../base/error.ts'
import { type Category, categoryName } from '../category.ts'
import { nameFromText, nameToText } from '../dns/name.ts'
import { type Scope, scopeOf } from './format/entries.ts'
import { createNameHash, type HashKey, type NameHash, parseKey } from './format/name-hash.ts'
import { createNameSet, type NameSet } from './name-set.ts'
import type { Store } from './store/store.ts'
import {
  type ListVerdict,
  NOT_LISTED,
  packVerdict,
  verdictCategory,
  verdictLabels,
  verdictScope,
} from './verdict.ts'

export interface MatcherOptions {
  /** The list that serves, or null while there is none: then nothing is listed. */
  store: Store | null
  /** Names (text, A-labels) never blocked, with everything below them: the head's. */
  allow: Iterable<string>
  /** Names never blocked whatever list and head say (never-block.ts, and the configuration's). */
  core: readonly string[]
}

export interface Explanation {
  listed: boolean
  category?: Category
  scope?: Scope
  /** The entry that decided, as text: of the list, or of what overrules it. */
  suffix?: string
  /** Who decided. `allow` and `core` only where the list would have blocked. */
  by: 'list' | 'allow' | 'core' | 'none'
  /** Of the list that was asked. */
  version?: number
}

/** Says of a name whether it is listed; synchronous, and nothing is allocated on the way. */
export interface Matcher {
  /**
   * The most specific entry that covers the name: core before allow before list.
   * @param wire the uncompressed name at `start`, checked by module/dns; capitals are folded
   */
  verdict(wire: Uint8Array, start: number): ListVerdict
  /** What overrules every list for this name, listed or not. */
  exempt(wire: Uint8Array, start: number): 'core' | 'allow' | null
  /** For people: the same answer with its reason. */
  explain(wire: Uint8Array, start: number): Explanation
  /** Grows whenever a verdict may have changed: what was cached under another revision is void. */
  readonly revision: number
  /** The caller closes the former store. */
  setStore(store: Store | null): void
  setAllow(names: Iterable<string>): void
}

/** The root and single labels are never entries (docs/list-format.md §2): nobody can block a TLD. */
const LEAST_LABELS = 2
/** While there is no list there is no key either; nothing is looked up under this one. */
const NO_KEY: HashKey = { k0: 0, k1: 0 }

/** @throws SecureNetError LIST_ALLOW_NAME where a name of `allow` or `core` is none */
export function createMatcher(options: MatcherOptions): Matcher {
  return new ListMatcher(options)
}

class ListMatcher implements Matcher {
  readonly #core: readonly Uint8Array[]
  #allow: readonly Uint8Array[]
  #store: Store | null
  #hash: NameHash = createNameHash(NO_KEY)
  #coreSet: NameSet = createNameSet([], NO_KEY)
  #allowSet: NameSet = createNameSet([], NO_KEY)
  /** Of the name hashed last. */
  #labels = 0
  #revision = 1

  constructor({ store, allow, core }: MatcherOptions) {
    this.#core = wireNames(core)
    this.#allow = wireNames(allow)
    this.#store = store
    this.#rekey()
  }

  get revision(): number {
    return this.#revision
  }

  setStore(store: Store | null): void {
    this.#store = store
    this.#rekey()
    this.#revision += 1
  }

  setAllow(names: Iterable<string>): void {
    this.#allow = wireNames(names)
    this.#rekey()
    this.#revision += 1
  }

  /** Every list has a key of its own, and core and allow are looked up by the hashes that the list's key gives. */
  #rekey(): void {
    const key = this.#store ? parseKey(this.#store.metadata.key) : NO_KEY
    this.#hash = createNameHash(key)
    this.#coreSet = createNameSet(this.#core, key)
    this.#allowSet = createNameSet(this.#allow, key)
  }

  verdict(wire: Uint8Array, start: number): ListVerdict {
    const found = this.#listed(wire, start)
    if (found === NOT_LISTED) return NOT_LISTED
    return this.#exempts() === null ? found : NOT_LISTED
  }

  exempt(wire: Uint8Array, start: number): 'core' | 'allow' | null {
    this.#labels = this.#hash.suffixes(wire, start)
    return this.#exempts()
  }

  /** Of the name hashed last. */
  #exempts(): 'core' | 'allow' | null {
    if (this.#covering(this.#coreSet) > 0) return 'core'
    return this.#covering(this.#allowSet) > 0 ? 'allow' : null
  }

  #listed(wire: Uint8Array, start: number): ListVerdict {
    const store = this.#store
    if (store === null) return NOT_LISTED
    const hash = this.#hash
    const labels = hash.suffixes(wire, start)
    this.#labels = labels
    for (let n = labels; n >= LEAST_LABELS; n -= 1) {
      const tag = store.find(hash.hi[n - 1] as number, hash.lo[n - 1] as number)
      if (tag >= 0 && (n === labels || scopeOf(tag) === 'tree')) return packVerdict(tag, n)
    }
    return NOT_LISTED
  }

  /** @returns the number of labels of the name's longest suffix that is in the set, or 0; of the name hashed last */
  #covering(set: NameSet): number {
    if (set.size === 0) return 0
    const { hi, lo } = this.#hash
    for (let n = this.#labels; n > 0; n -= 1) if (set.has(hi[n - 1] as number, lo[n - 1] as number)) return n
    return 0
  }

  explain(wire: Uint8Array, start: number): Explanation {
    if (this.#store === null) return { listed: false, by: 'none' }
    const { version } = this.#store.metadata
    const found = this.#listed(wire, start)
    if (found === NOT_LISTED) return { listed: false, by: 'none', version }
    const suffix = (n: number) => suffixText(wire, start, this.#labels - n)
    const entry = {
      category: categoryName(verdictCategory(found)),
      scope: verdictScope(found),
      version,
    }
    const core = this.#covering(this.#coreSet)
    if (core > 0) return { listed: false, by: 'core', suffix: suffix(core), ...entry }
    const allow = this.#covering(this.#allowSet)
    if (allow > 0) return { listed: false, by: 'allow', suffix: suffix(allow), ...entry }
    return { listed: true, by: 'list', suffix: suffix(verdictLabels(found)), ...entry }
  }
}

function suffixText(wire: Uint8Array, start: number, skip: number): string {
  let at = start
  for (let i = 0; i < skip; i += 1) at += (wire[at] as number) + 1
  return nameToText(wire, at)
}

function wireNames(names: Iterable<string>): Uint8Array[] {
  return Array.from(names, (name) => {
    const wire = nameFromText(name)
    if (!wire || wire.length === 1) {
      throw new SecureNetError(
        'LIST_ALLOW_NAME',
        `not a name that can be allowed: ${JSON.stringify(name)}`,
        'Write a domain name in A-labels.',
      )
    }
    return wire
  })
}
