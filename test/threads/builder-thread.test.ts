// The thread that builds: of the bundle as it is shipped, and such as die.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { codeOf } from '../../module/base/error.ts'
import type { Release } from '../../module/blocklist/format/head.ts'
import { buildHere, type OpenBuilder } from '../../module/blocklist/store/builder.ts'
import { openStore } from '../../module/blocklist/store/store.ts'
import { chunkTopic } from '../../module/control/mqtt/topics.ts'
import {
  type BuilderCall,
  type BuilderData,
  type BuilderHandle,
  type BuilderReply,
  buildOnThread,
  startBuilderThread,
} from '../../module/threads/builder-thread.ts'
import { handleOf } from '../../module/threads/worker.ts'
import { keyB, Modem, Publisher, someNames } from '../blocklist/update/update-world.ts'
import { SeededRandom } from '../helpers/seeded-random.ts'
import { type Bundle, buildBundle } from '../rootfs/bundle.ts'

let bundle: Bundle
let start: (data: BuilderData) => BuilderHandle
const source = new Publisher()
const names = someNames(150_000)
let release: Release
beforeAll(async () => {
  bundle = buildBundle()
  start = startBuilderThread(join(bundle.folder, 'list-builder.cjs'))
  release = await source.version(1, names)
})
afterAll(() => bundle.remove())

const chunk = (index: number) =>
  source.retained.get(chunkTopic({ list: 'securenet', version: 1, kind: 'snapshot', index })) as Buffer

const optionsFor = (file: string) => ({
  path: join(bundle.folder, file),
  list: 'securenet',
  release,
  chunks: release.snapshot.chunks.length,
})

describe('the thread of the built bundle', () => {
  it('makes the file that is made without it, and is over with it', async () => {
    const build = async (file: string, open: OpenBuilder) => {
      const builder = await open(optionsFor(file))
      while (builder.next < release.snapshot.chunks.length) await builder.append(chunk(builder.next))
      const { digest: _, path, ...built } = await builder.finish()
      await builder.close()
      const store = openStore(path)
      const entries = store.entries(0, 2 ** store.metadata.bucketBits)
      await store.close()
      rmSync(path)
      return { ...built, entries }
    }
    let exits = 0
    const counted = buildOnThread((data) => {
      const thread = start(data)
      thread.onExit(() => {
        exits += 1
      })
      return thread
    })
    expect(await build('on.mdb', counted)).toEqual(await build('here.mdb', buildHere))
    expect(exits).toBe(1)
  })

  it('goes on where one before it was closed', async () => {
    const open = buildOnThread(start)
    const first = await open(optionsFor('resumed.mdb'))
    await first.append(chunk(0))
    await first.append(chunk(1))
    await first.close()
    const second = await open(optionsFor('resumed.mdb'))
    expect(second.next).toBe(2)
    await second.close()
  })

  it('hands over what went wrong with its code, and can be closed then', async () => {
    const builder = await buildOnThread(start)(optionsFor('wrong.mdb'))
    await expect(builder.append(Buffer.from('SNBL is not all'))).rejects.toSatisfy(
      (error) => codeOf(error) === 'LIST_CHUNK_FORMAT',
    )
    await expect(builder.append(chunk(1))).rejects.toSatisfy(
      (error) => codeOf(error) === 'LIST_CHUNK_MISPLACED',
    )
    await expect(builder.append(Buffer.alloc(70_000))).rejects.toSatisfy(
      (error) => codeOf(error) === 'LIST_CHUNK_TOO_LARGE',
    )
    await builder.append(chunk(0))
    expect(builder.next).toBe(1)
    await builder.close()
    const nowhere = { ...optionsFor('x'), path: join(bundle.folder, 'no', 'such', 'folder.mdb') }
    await expect(buildOnThread(start)(nowhere)).rejects.toSatisfy(
      (error) => codeOf(error) === 'LIST_STORE_IO',
    )
  })
})

/** A thread that does nothing but this. */
const doing = (code: string) => () =>
  handleOf<BuilderCall, BuilderReply>(
    new Worker(code, { eval: true, stderr: true, resourceLimits: { maxOldGenerationSizeMb: 8 } }),
  )
const answering = `require('node:worker_threads').parentPort.on('message', act).postMessage({ next: 0 });`

describe('a thread that dies', () => {
  it('before it is one is no other fault: what is half built is kept', async () => {
    const refuse = () => {
      throw Object.assign(new Error('no memory'), { code: 'ERR_WORKER_INIT_FAILED' })
    }
    await expect(buildOnThread(refuse)(optionsFor('none.mdb'))).rejects.toSatisfy(
      (error) => codeOf(error) === 'LIST_BUILDER_DIED',
    )
  })

  const outgrows = 'const all = []; for (;;) all.push(new Array(100_000).fill({}))'
  it.each([
    ['at its start', 'throw new Error("unlucky")'],
    ['without a word', 'process.exit(0)'],
    ['for want of memory', outgrows],
    ['in the middle', `const act = () => { throw new Error("unlucky") }; ${answering}`],
    ['in the middle, for want of memory', `const act = () => { ${outgrows} }; ${answering}`],
  ])('%s is a failed try: the list serves, it is told, and the next try does it', async (_, code) => {
    let threads = 0
    const modem = new Modem(source, {
      openBuilder: buildOnThread((data) => (++threads === 2 ? doing(code)() : start(data))),
      probationSeconds: 0,
    })
    modem.updater.start()
    await modem.updater.offerHead(source.head(await source.version(10, ['first.example'], { key: keyB })))
    await modem.updater.settled()
    expect(modem.updater.status()).toMatchObject({ version: 10, lastError: null })
    const next = source.head(await source.version(11, ['first.example', 'second.example']))
    await modem.updater.offerHead(next)
    await modem.until(() => {
      const { phase, lastError } = modem.updater.status()
      return phase === 'waiting' && lastError !== null
    })
    expect(modem.updater.status()).toMatchObject({ version: 10, lastError: 'LIST_BUILDER_DIED' })
    expect(modem.blocks('first.example')).toBe(true)
    await modem.until(() => modem.updater.status().version === 11, 60_000)
    expect(modem.updater.status()).toMatchObject({ lastError: null, failedVersions: [] })
    await modem.remove()
  })

  it('at random moments of its work leaves what the next one goes on with', async () => {
    const random = new SeededRandom(Number(process.env['SECURENET_SEED'] ?? 3))
    for (let round = 0; round < 5; round += 1) {
      let threads = 0
      const modem = new Modem(source, {
        openBuilder: buildOnThread((data) => {
          const thread = start(data)
          if (++threads > 3) return thread
          let calls = random.below(12)
          const post = (call: BuilderCall) => {
            thread.post(call)
            if (calls-- === 0) setTimeout(() => thread.terminate('it was killed'), random.below(10))
          }
          return { ...thread, post }
        }),
        probationSeconds: 0,
      })
      modem.updater.start()
      await modem.updater.offerHead(source.head(release))
      await modem.until(() => modem.updater.status().version === 1, 60_000)
      expect(threads).toBeGreaterThan(1)
      expect(modem.serving?.metadata.result).toBe(release.result)
      expect(names.slice(0, 1000).every((name) => modem.blocks(name))).toBe(true)
      await modem.remove()
    }
  })
})
