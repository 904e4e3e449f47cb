import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { isIP } from 'node:net'
import { gunzipSync } from 'node:zlib'

/** mulberry32: the same numbers for the same seed, on every machine. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const isName = (name: string) => /^[a-z0-9-]+(\.[a-z0-9-]+)+$/.test(name) && name.length < 200 && !isIP(name)

/** Names of a file, plain or hosts format, gzipped or not. */
function namesOfFile(path: string): string[] {
  const bytes = readFileSync(path)
  const text = (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString()
  const lines = text.split('\n').filter((line) => !line.startsWith('#'))
  return lines.map((line) => line.trim().split(/\s+/).at(-1) ?? '')
}

/** Real names of phishing sites: those of the package eth-phishing-detect, or of a file of one's own. */
export function realNames(file?: string): string[] {
  const require = createRequire(import.meta.url)
  const names = file
    ? namesOfFile(file)
    : (require('eth-phishing-detect/src/config.json') as { blacklist: string[] }).blacklist
  return [...new Set(names.map((name) => name.toLowerCase()).filter(isName))]
}

const pick = <T>(values: readonly T[], random: () => number): T =>
  values[Math.floor(random() * values.length)] as T

interface Parts {
  words: readonly string[]
  endings: readonly string[]
}

/** Words that names are made of, and what stands right of the first label. */
function partsOf(names: readonly string[]): Parts {
  const words = new Set<string>()
  for (const name of names) {
    for (const word of name.slice(0, name.indexOf('.')).split('-')) {
      if (word.length > 0 && word.length < 24) words.add(word)
    }
  }
  return { words: [...words], endings: names.map((name) => name.slice(name.indexOf('.') + 1)) }
}

/** One word under a TLD may be somebody's good name, which no list may hold (the gate of module/blocklist finds it). */
function recombined({ words, endings }: Parts, random: () => number): string {
  const ending = pick(endings, random)
  const alone = ending.includes('.') && random() < 0.5
  const label = alone ? pick(words, random) : `${pick(words, random)}-${pick(words, random)}`
  const number = random() < 0.3 ? String(Math.floor(random() * 1000)) : ''
  return `${label}${number}.${ending}`
}

/** So many different names, shuffled: the real ones first of all, then recombinations of their parts. */
export function makeNames(count: number, real: readonly string[], seed = 1): string[] {
  const random = seeded(seed)
  const parts = partsOf(real)
  const names = new Set(real.slice(0, count))
  while (names.size < count) names.add(recombined(parts, random))
  return shuffled([...names], random)
}

export function shuffled<T>(values: T[], random: () => number): T[] {
  for (let i = values.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    const kept = values[i] as T
    values[i] = values[j] as T
    values[j] = kept
  }
  return values
}

/** A source of names that are on no list and were never asked: the mark makes their registrable part new. */
export function freshNames(real: readonly string[], mark: string): () => string {
  const random = seeded(Buffer.from(mark).reduce((sum, octet) => Math.imul(sum, 31) + octet, 7))
  const { words } = partsOf(real)
  const tlds = ['com', 'com', 'com', 'net', 'org', 'be', 'be', 'eu', 'io', 'nl']
  const hosts = ['www.', '', 'api.', 'cdn.', 'static.img.']
  let next = 0
  return () =>
    `${pick(hosts, random)}${pick(words, random)}-zq${mark}${(next++).toString(36)}.${pick(tlds, random)}`
}
