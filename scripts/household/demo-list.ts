import { randomBytes } from 'node:crypto'
import { isIP } from 'node:net'
import { core } from '../../module/blocklist/core.ts'
import { createEntrySetBuilder, type EntrySet } from '../../module/blocklist/entries.ts'
import type { Release } from '../../module/blocklist/head.ts'
import { categories } from '../../module/category.ts'
import type { Archive } from '../operator/list/archive.ts'
import { buildList, setOf } from '../operator/list/build.ts'
import { makeRelease } from '../operator/list/release.ts'

const phishing = categories.indexOf('phishing')

function union(a: EntrySet, b: EntrySet): EntrySet {
  const builder = createEntrySetBuilder(a.count + b.count)
  for (const { count, hi, lo, tag } of [a, b])
    for (let i = 0; i < count; i++) builder.add(hi[i] as number, lo[i] as number, tag[i] as number)
  return builder.build()
}

/**
 * The operator's builder over names of which a few are odd: two have one label only (excepted from the guard of
 * top-level domains, which they are not), and five are IPv4 addresses. A real list drops addresses, which are never
 * asked of DNS; here they are kept, so that whoever tries every entry of the package finds every one blocked.
 */
export async function buildDemoList(
  archive: Archive,
  list: string,
  names: readonly string[],
): Promise<Release> {
  const key = randomBytes(8).toString('hex')
  const singleLabels = new Set(names.filter((name) => !name.includes('.')))
  const input = {
    name: 'eth-phishing-detect',
    source: names.join('\n'),
    category: phishing,
    format: 'domains',
  } as const
  const { set } = await buildList({ inputs: [input], key, core, guards: { exempt: singleLabels } })
  const addresses = names.filter((name) => isIP(name))
  const kept = setOf(
    new Map(addresses.map((name) => [name, { category: phishing, scope: 'exact', input: 0 }])),
    key,
  )
  const whole = union(set, kept)
  const made = await makeRelease({ list, version: await archive.nextVersion(), key, set: whole })
  await archive.save(whole, made)
  return made.release
}
