import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Clients } from '../../module/base/clients.ts'
import { systemClock } from '../../module/base/clock.ts'
import { LocalNetworks } from '../../module/base/local-networks.ts'
import { resultOf } from '../../module/blocklist/format/entries.ts'
import { ListPolicy } from '../../module/blocklist/list-policy.ts'
import { createMatcher } from '../../module/blocklist/matcher.ts'
import { createStoreBuilder } from '../../module/blocklist/store/builder.ts'
import { openStore, type Store } from '../../module/blocklist/store/store.ts'
import { readAnswer } from '../../module/dns/answer.ts'
import { questionEndOf } from '../../module/dns/question.ts'
import { createAnswerInspector } from '../../module/query/answer-inspector.ts'
import { createBlockedReply } from '../../module/query/blocked.ts'
import { Cache } from '../../module/query/cache.ts'
import { createChain } from '../../module/query/chain.ts'
import { PENDING, Query } from '../../module/query/query.ts'
import { createRateLimit } from '../../module/query/rate-limit.ts'
import { demoAnswer } from '../household/demo-upstream.ts'
import { setOf } from '../operator/list/build.ts'
import { encodeSnapshot } from '../operator/list/encode.ts'
import { freshNames, makeNames, realNames } from './names.ts'
import { questionFor } from './server-process.ts'

/** Bytes that one query makes garbage of: on the heap, and in buffers beside it. */
export interface Allocations {
  path: 'blocked' | 'cached' | 'misses'
  heapBytes: number
  bufferBytes: number
}

const LISTED_NAMES = 20_000
const BATCH = 10_000
const BATCHES = 20
const KEY = '00112233445566aa'

async function smallStore(folder: string, names: readonly string[]): Promise<Store> {
  const set = setOf(new Map(names.map((name) => [name, { category: 0, scope: 'tree', input: 0 }])), KEY)
  const path = join(folder, 'list.mdb')
  const chunks = encodeSnapshot(set, { list: 'bench', version: 1, key: KEY })
  const release = { version: 1, key: KEY, result: resultOf(set) }
  const builder = createStoreBuilder({ path, list: 'bench', release, chunks: chunks.length })
  for (const chunk of chunks) await builder.append(chunk)
  await builder.finish()
  return openStore(path)
}

function chainOver(store: Store) {
  const clock = systemClock
  const policy = new ListPolicy(createMatcher({ store, allow: [], core: ['core.example'] }), true)
  policy.filtering = true
  const blocked = createBlockedReply({
    ipv4: Buffer.from([198, 18, 0, 53]),
    ipv6: null,
    pageUrl: 'http://198.18.0.53/',
    ttl: 10,
    structuredErrors: false,
    operator: 'bench',
  })
  const clients = new Clients(new LocalNetworks({ clock }), [])
  return createChain({
    policy,
    clock,
    clients,
    blocked,
    cache: new Cache({ clock, bytes: 4 << 20 }),
    rateLimit: createRateLimit({ clock, clients, queriesPerSecond: 1e9, burst: 1e9 }),
    inspect: createAnswerInspector({ policy, blocked, rebindProtection: true, rebindExempt: () => false }),
    // Answers at once: what upstream itself allocates has its own sockets and is not counted here.
    upstream: {
      exchange: ({ message }, done) => done(readAnswer(demoAnswer(message)!, questionEndOf(message)), null),
    },
    localZones: ['lan'],
    refuseBypass: true,
    observe: () => undefined,
  })
}

function collect(): void {
  if (!globalThis.gc) throw new Error('start Node with --expose-gc and a large --min-semi-space-size')
  globalThis.gc()
}

/** @returns bytes a query, without the query's own message: it is there before */
function measurePath(
  path: Allocations['path'],
  chain: (query: Query) => unknown,
  messages: (count: number) => Buffer[],
): Allocations {
  let heap = 0
  let buffers = 0
  for (let round = -2; round < BATCHES; round++) {
    const asked = messages(BATCH)
    collect()
    const before = process.memoryUsage()
    for (const message of asked) {
      const query = new Query(message, '192.0.2.7', 'udp')
      query.respond = () => undefined
      const outcome = chain(query)
      if (path !== 'misses' && outcome === PENDING) throw new Error(`a query of "${path}" went upstream`)
    }
    const after = process.memoryUsage()
    // The first rounds compile.
    if (round < 0) continue
    heap += after.heapUsed - before.heapUsed
    buffers += after.arrayBuffers - before.arrayBuffers
  }
  const queries = BATCH * BATCHES
  return { path, heapBytes: Math.round(heap / queries), bufferBytes: Math.round(buffers / queries) }
}

/** For Node with `--expose-gc --min-semi-space-size=256`, so that nothing is collected within a batch. */
export async function measureAllocations(): Promise<Allocations[]> {
  const folder = mkdtempSync(join(tmpdir(), 'securenet-bench-'))
  try {
    const real = realNames()
    const listed = makeNames(LISTED_NAMES, real)
    const store = await smallStore(folder, listed)
    const chain = chainOver(store)
    const next = freshNames(real, 'heap')
    const popular = Array.from({ length: 1000 }, () => questionFor(next(), 1))
    const cycle = (messages: readonly Buffer[]) => (count: number) =>
      Array.from({ length: count }, (_, i) => messages[i % messages.length]!)
    for (const message of popular) chain(new Query(message, '192.0.2.7', 'udp'))
    const figures = [
      measurePath('blocked', chain, cycle(listed.map((name) => questionFor(name, 1)))),
      measurePath('cached', chain, cycle(popular)),
      measurePath('misses', chain, (count) => Array.from({ length: count }, () => questionFor(next(), 1))),
    ]
    await store.close()
    return figures
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
