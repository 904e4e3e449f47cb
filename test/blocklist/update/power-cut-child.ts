// Starts an updater on each folder that it is told of, says what serves, and lets it repair itself. In a process of its
// own: LMDB may crash on what a power cut leaves, and that would be a failed test, not the end of all tests.
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import type { Head } from '../../../module/blocklist/format/head.ts'
import { chunkTopic } from '../../../module/control/mqtt/topics.ts'
import { Modem } from './update-world.ts'

export interface Afterwards {
  folder: string
  version: number | null
  lastError: string | null
  /** Names of the sample that are answered otherwise than the version says. */
  wrong: number
  repaired: number | null
}

interface World {
  head: Head
  chunks: [string, string][]
  /** Listed in both versions. */
  both: string[]
  /** In version 2 alone. */
  added: string
  never: string[]
}

const world = JSON.parse(readFileSync(process.argv[2] as string, 'utf8')) as World
const chunks = new Map(world.chunks.map(([topic, chunk]) => [topic, Buffer.from(chunk, 'base64')]))

function wrongVerdicts(modem: Modem, version: number | null): number {
  if (version === null) return 0
  const missed = world.both.filter((name) => !modem.blocks(name)).length
  const blocked = world.never.filter((name) => modem.blocks(name)).length
  return missed + blocked + (modem.blocks(world.added) === (version === 2) ? 0 : 1)
}

for await (const folder of createInterface({ input: process.stdin })) {
  process.stdout.write(`at ${folder}\n`)
  const source = {
    fetch: async (ref: Parameters<typeof chunkTopic>[0]) => chunks.get(chunkTopic(ref)) as Buffer,
  }
  const modem = new Modem(source, { folder, probationSeconds: 0 })
  modem.updater.start()
  const { version, lastError } = modem.updater.status()
  const wrong = wrongVerdicts(modem, version)
  await modem.updater.offerHead(world.head)
  await modem.updater.settled()
  const repaired = modem.updater.status().version
  const wrongAfter = wrongVerdicts(modem, repaired)
  await modem.updater.stop()
  const report: Afterwards = { folder, version, lastError, wrong: wrong + wrongAfter, repaired }
  process.stdout.write(`${JSON.stringify(report)}\n`)
}
