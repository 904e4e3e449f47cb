import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { categories } from '../../module/category.ts'
import { EmbeddedBroker } from '../household/broker.ts'
import { type Home, homePaths } from '../household/home.ts'
import { household } from '../household/module-config.ts'
import { ModuleWatch } from '../household/watch-module.ts'
import type { Broker } from '../operator/broker.ts'
import { publishKeys } from '../operator/keys.ts'
import { Archive } from '../operator/list/archive.ts'
import { setOf, testNames } from '../operator/list/build.ts'
import type { Names } from '../operator/list/gather.ts'
import { makeRelease } from '../operator/list/release.ts'
import { announceVersion, publishChunks, publishVersion } from '../operator/list-publish.ts'
import { connectBroker } from '../operator/mqtt/connect.ts'
import { giveOrder, type Order } from '../operator/orders.ts'
import { KeyFolder } from '../operator/signing/key-folder.ts'
import { programTools } from '../operator/tools.ts'
import { startModule } from './module-under-test.ts'

const LIST = 'securenet'
const TEST_ZONE = 'test.securenet.example'
const phishing = categories.indexOf('phishing')
const malware = categories.indexOf('malware')

/** A modem that has taken a list over MQTT, ready to be copied; and the operator behind it, with the next version. */
export interface PreparedList {
  home: Home
  names: readonly string[]
  /** ms from the publication of the first head to protection. */
  firstListMs: number
}

export interface PrepareOptions {
  /** Kept between runs; thrown away when the bundle is newer. */
  folder: string
  names: readonly string[]
  bundle: string
  /** Any port of 127.0.0.1 that answers DNS. */
  upstream: number
}

const silent = () => undefined

export async function openBroker(): Promise<{ broker: Broker; url: string; stop: () => Promise<void> }> {
  const embedded = new EmbeddedBroker({
    what: 'MQTT',
    protocol: 'TCP',
    address: '127.0.0.1',
    port: 0,
    variable: '',
  })
  const url = await embedded.start()
  const broker = await connectBroker({ url })
  const stop = async () => {
    await broker.close()
    await embedded.stop()
  }
  return { broker, url, stop }
}

async function operatorOf(home: Home, broker: Broker) {
  const folder = await KeyFolder.open(home.keysDir)
  await publishKeys(broker, folder.documents)
  const tools = await programTools('bench', { broker, keys: folder, registerDir: home.registerDir })
  return { tools, archive: new Archive(home.archiveDir, LIST) }
}

export async function publish(home: Home, broker: Broker, version: number): Promise<void> {
  const { tools, archive } = await operatorOf(home, broker)
  await publishVersion(tools, archive, { list: LIST, version, spreadSeconds: 0, progress: silent })
  await tools.close()
}

/** Chunks first, so that what is measured between this and `announce` is no publisher at work. */
export async function publishOnlyChunks(home: Home, broker: Broker, version: number): Promise<void> {
  await publishChunks(broker, await new Archive(home.archiveDir, LIST).load(version), silent)
}

export async function announce(home: Home, broker: Broker, version: number): Promise<void> {
  const { tools, archive } = await operatorOf(home, broker)
  await announceVersion(tools, archive, { list: LIST, version, spreadSeconds: 0 })
  await tools.close()
}

/** The next order for the household's line; not waited for. */
export async function order(
  home: Home,
  broker: Broker,
  { service, reason }: Pick<Order, 'service' | 'reason'>,
): Promise<void> {
  const { tools } = await operatorOf(home, broker)
  await giveOrder(tools, { lineId: household.lineId, service, reason, by: 'customer' }, { wait: false })
  await tools.close()
}

/** Nobody's list has one category alone: one name in four is malware. */
async function archiveVersion(home: Home, names: readonly string[]): Promise<void> {
  const archive = new Archive(home.archiveDir, LIST)
  const key = randomBytes(8).toString('hex')
  const entries: Names = new Map(
    names.map((name, i) => [name, { category: i % 4 ? phishing : malware, scope: 'tree', input: 0 }]),
  )
  for (const { name, category } of testNames(TEST_ZONE))
    entries.set(name, { category, scope: 'exact', input: 0 })
  const set = setOf(entries, key)
  const made = await makeRelease({ list: LIST, version: await archive.nextVersion(), key, set })
  await archive.save(set, made)
}

async function bringUp(home: Home, { folder, bundle, upstream }: PrepareOptions): Promise<number> {
  const { broker, url, stop } = await openBroker()
  const keys = await KeyFolder.create(home.keysDir, { now: Math.floor(Date.now() / 1000) })
  writeFileSync(home.rootsFile, `${JSON.stringify(keys.roots)}\n`)
  const from = performance.now()
  await publish(home, broker, 1)
  await order(home, broker, { service: 'enabled', reason: 'subscribed' })
  const watch = new ModuleWatch(silent)
  await watch.start(broker)
  const module = await startModule({ home, folder: join(folder, 'first'), bundle, upstream, mqttUrl: url })
  module.spawn()
  try {
    await watch.protecting(120_000)
  } finally {
    await module.stop()
    await stop()
  }
  // What this first module has stored is what the others start from.
  rmSync(home.dataDir, { recursive: true })
  return performance.now() - from
}

const VERSION_TWO_CHANGES = 1000

/** Makes the list, or finds it made. */
export async function prepareList(options: PrepareOptions): Promise<PreparedList> {
  const { folder, names, bundle } = options
  const home = homePaths(folder)
  const ready = join(folder, 'ready')
  const stored = { ...home, dataDir: join(folder, 'first', 'data') }
  if (existsSync(ready) && statSync(ready).mtimeMs > statSync(bundle).mtimeMs)
    return { home: stored, names, firstListMs: Number.NaN }
  rmSync(folder, { recursive: true, force: true })
  for (const path of [home.keysDir, home.archiveDir, home.dataDir]) mkdirSync(path, { recursive: true })
  await archiveVersion(home, names)
  const added = names.slice(0, VERSION_TWO_CHANGES).map((name) => `next-${name}`)
  await archiveVersion(home, [...names.slice(VERSION_TWO_CHANGES), ...added])
  const firstListMs = await bringUp(home, options)
  writeFileSync(ready, '')
  return { home: stored, names, firstListMs }
}
