// One update on a disk that fails (failing-disk.test.ts preloads failing-disk.c): says what became of it. Waits are
// a thousandth of what they are on a modem. The list is built on a thread, as in the product.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isMainThread } from 'node:worker_threads'
import { systemClock } from '../../../module/base/clock.ts'
import type { Head } from '../../../module/blocklist/format/head.ts'
import { createMatcher } from '../../../module/blocklist/matcher.ts'
import { createAcceptanceCheck } from '../../../module/blocklist/update/acceptance.ts'
import { Updater } from '../../../module/blocklist/update/updater.ts'
import { chunkTopic } from '../../../module/control/mqtt/topics.ts'
import { nameFromText } from '../../../module/dns/name.ts'
import { buildOnThread, startBuilderThread } from '../../../module/threads/builder-thread.ts'

export interface Outcome {
  /** What served before anything was fetched. */
  atStart: number | null
  version: number | null
  /** Of the errors that were logged, in order. */
  codes: string[]
  /** Whether the names of the sample are blocked, and the one that version 2 adds. */
  blocked: boolean
  added: boolean
}

async function main(): Promise<void> {
  const [folder, published, headFile, watched] = process.argv.slice(2) as [string, string, string, string]
  const matcher = createMatcher({ store: null, allow: [], core: [] })
  const codes: string[] = []
  let stopped = () => {}
  const enough = new Promise<void>((resolve) => {
    stopped = resolve
  })
  const silent = () => undefined
  const updater = new Updater({
    folder,
    lockFolder: `${folder}.locks`,
    list: 'securenet',
    modemId: 'modem-1',
    lineId: 'line-1',
    quotaBytes: 50_000_000,
    probationSeconds: 0,
    openBuilder: buildOnThread(startBuilderThread(process.argv[1] as string)),
    source: { fetch: async (ref) => readFileSync(join(published, encodeURIComponent(chunkTopic(ref)))) },
    clock: {
      now: systemClock.now,
      monotonic: systemClock.monotonic,
      after: (ms, act) => systemClock.after(ms / 1000, act),
    },
    floor: () => 0,
    random: () => 0,
    log: {
      debug: silent,
      info: silent,
      warn: silent,
      error(_, fields) {
        codes.push(String(fields?.['code']))
        // A disk that stays broken is given up by the test, never by the updater.
        if (codes.length > Number(watched)) stopped()
      },
    },
    gate: createAcceptanceCheck({ testZone: 'test.securenet.example' }),
    onSwitch: (store) => matcher.setStore(store),
  })
  const alive = setInterval(() => {}, 1000)
  const atStart = updater.start()?.metadata.version ?? null
  const done = updater
    .offerHead(JSON.parse(readFileSync(headFile, 'utf8')) as Head)
    .then(() => updater.settled())
  await Promise.race([done, enough])
  const blocks = (name: string) => matcher.verdict(nameFromText(name) as Buffer, 0) !== 0
  const outcome: Outcome = {
    atStart,
    version: updater.status().version,
    codes,
    blocked: ['phishing.test.securenet.example', 'first.example'].every(blocks),
    added: blocks('added.example'),
  }
  await updater.stop()
  clearInterval(alive)
  process.stdout.write(JSON.stringify(outcome))
}

if (isMainThread) await main()
else await import('../../../module/list-builder.ts')
