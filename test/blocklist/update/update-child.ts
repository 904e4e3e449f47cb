// Runs an updater on a folder, in a process of its own that faults.test.ts kills at any moment; as in the product,
// the list is built on a thread, and that is this same file again.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { isMainThread } from 'node:worker_threads'
import { systemClock } from '../../../module/base/clock.ts'
import { SecureNetError } from '../../../module/base/error.ts'
import { createLog } from '../../../module/base/log.ts'
import type { Head } from '../../../module/blocklist/format/head.ts'
import { createAcceptanceCheck } from '../../../module/blocklist/update/acceptance.ts'
import { Updater } from '../../../module/blocklist/update/updater.ts'
import { chunkTopic } from '../../../module/control/mqtt/topics.ts'
import { buildOnThread, startBuilderThread } from '../../../module/threads/builder-thread.ts'

async function main(): Promise<void> {
  const [folder, published, headFile, probation, slowMs] = process.argv.slice(2) as [
    string,
    string,
    string,
    string,
    string,
  ]
  const say = (text: string) => process.stdout.write(`${text}\n`)
  const updater = new Updater({
    folder,
    // As on a modem, where it is on a tmpfs.
    lockFolder: `${folder}.locks`,
    list: 'securenet',
    modemId: 'modem-1',
    lineId: 'line-1',
    quotaBytes: 50_000_000,
    probationSeconds: Number(probation),
    source: {
      async fetch(ref) {
        await pause(Number(slowMs))
        try {
          return readFileSync(join(published, encodeURIComponent(chunkTopic(ref))))
        } catch {
          throw new SecureNetError('LIST_CHUNK_MISSING', chunkTopic(ref))
        }
      },
    },
    openBuilder: buildOnThread(startBuilderThread(process.argv[1] as string)),
    clock: systemClock,
    floor: () => 0,
    log: createLog((line) => process.stderr.write(line)),
    gate: createAcceptanceCheck({ testZone: 'test.securenet.example' }),
    onSwitch: (store) => say(`serving ${store?.metadata.version ?? 'none'} ${store?.metadata.result ?? ''}`),
  })
  // Unhandled, a timer of ours does not keep the process alive.
  const alive = setInterval(() => {}, 1000)
  updater.start()
  await updater.offerHead(JSON.parse(readFileSync(headFile, 'utf8')) as Head)
  await updater.settled()
  const { version, lastError } = updater.status()
  say(`done ${version} ${lastError}`)
  await updater.stop()
  clearInterval(alive)
}

if (isMainThread) await main()
else await import('../../../module/list-builder.ts')
