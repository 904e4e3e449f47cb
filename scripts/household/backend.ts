import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { type Broker, connectBroker } from '../operator/broker.ts'
import { publishKeys, signerOf } from '../operator/keys.ts'
import { Archive } from '../operator/list/archive.ts'
import type { BuildReport } from '../operator/list/build.ts'
import { publishVersion } from '../operator/list-publish.ts'
import { giveOrder } from '../operator/orders.ts'
import { bytesText } from '../operator/output.ts'
import { KeyFolder } from '../operator/signing/key-folder.ts'
import { buildDemoList } from './demo-list.ts'
import type { Home } from './home.ts'

export interface BackendOptions {
  home: Home
  brokerUrl: string
  lineId: string
  say(step: string, text: string): void
}

const LIST = 'securenet'

/** 13,752 lines, 13,745 of them names of real phishing sites: the npm package eth-phishing-detect. */
function phishingNames(): string[] {
  const require = createRequire(import.meta.url)
  const { blacklist }: { blacklist: string[] } = require('eth-phishing-detect/src/config.json')
  return blacklist
}

const leftOut = ({ drops, findings }: BuildReport) =>
  drops.length + findings.filter(({ action }) => action === 'drop').length

/** The operator, small: the very code of the operator tool, over MQTT like it. */
export class Backend {
  readonly #options: BackendOptions
  #broker: Broker | undefined

  constructor(options: BackendOptions) {
    this.#options = options
  }

  get broker(): Broker {
    if (!this.#broker) throw new Error('the backend is not started')
    return this.#broker
  }

  /** Keys, list and order are retained by the broker when it resolves. */
  async start(): Promise<{ list: string; listedName: string }> {
    const { home, brokerUrl, lineId, say } = this.#options
    this.#broker = await connectBroker({ url: brokerUrl })
    const broker = this.#broker
    const folder = await KeyFolder.create(home.keysDir, { now: Math.floor(Date.now() / 1000) })
    writeFileSync(home.rootsFile, `${JSON.stringify(folder.roots, null, 2)}\n`)
    await publishKeys(broker, folder.documents)
    say('keys', `freshly made, in ${home.keysDir}`)
    const profile = { url: brokerUrl, keysDir: home.keysDir, archiveDir: home.archiveDir, list: LIST }
    writeFileSync(home.profile, `${JSON.stringify(profile, null, 2)}\n`)

    const names = phishingNames()
    const archive = new Archive(home.archiveDir, LIST)
    const { release, report } = await buildDemoList(archive, LIST, names)
    const tools = { broker, now: () => Date.now(), ...signerOf(folder) }
    const { version } = release
    await publishVersion(tools, archive, { list: LIST, version, spreadSeconds: 0, progress: () => {} })
    say(
      'list',
      `version ${version} published: ${release.names} names in ${release.snapshot.chunks.length} chunks, ${bytesText(release.snapshot.bytes)}; ${leftOut(report)} of ${names.length} lines left out`,
    )
    await giveOrder(
      tools,
      { lineId, service: 'enabled', reason: 'subscribed', by: 'customer' },
      { wait: false },
    )
    say('order', `line ${lineId}: enabled`)
    return { list: LIST, listedName: String(names[0]) }
  }

  async stop(): Promise<void> {
    await this.#broker?.close()
  }
}
