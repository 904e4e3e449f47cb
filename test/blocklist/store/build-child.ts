// Builds a store from chunks on disk, in a process of its own that store.test.ts kills at any moment.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createStoreBuilder } from '../../../module/blocklist/store/builder.ts'

const [directory, path, release] = process.argv.slice(2) as [string, string, string]
const files = readdirSync(directory).sort()
const builder = createStoreBuilder({
  path,
  list: 'threats',
  release: JSON.parse(release),
  chunks: files.length,
})
const say = () => process.stdout.write(`next ${builder.next}\n`)
say()
while (builder.next < files.length) {
  await builder.append(readFileSync(join(directory, files[builder.next] as string)))
  say()
}
const built = await builder.finish()
process.stdout.write(`${JSON.stringify(built)}\n`)
