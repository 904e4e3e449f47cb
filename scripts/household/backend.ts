import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Broker } from '../operator/broker.ts'
import { publishKeys } from '../operator/keys.ts'
import { Archive } from '../operator/list/archive.ts'
import type { BuildReport } from '../operator/list/build-report.ts'
import { publishVersion } from '../operator/list-publish.ts'
import { connectBroker } from '../operator/mqtt/connect.ts'
import { giveOrder } from '../operator/orders.ts'
import { bytesText } from '../operator/output.ts'
import { KeyFolder } from '../operator/signing/key-folder.ts'
import { programTools } from '../operator/tools.ts'
import { buildDemoList } from './demo-list.ts'
import type { Home } from './home.ts'

export interface BackendOptions {
  home: Home
  brokerUrl: string
  lineId: string
  say(step: string, text: string): void
  /** For those who build the module. */
  detail(step: string, text: string): void
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
    const { home, brokerUrl, lineId, say, detail } = this.#options
    const broker = await connectBroker({ url: brokerUrl })
    this.#broker = broker
    const folder = await KeyFolder.create(home.keysDir, { now: Math.floor(Date.now() / 1000) })
    writeFileSync(home.rootsFile, `${JSON.stringify(folder.roots, null, 2)}\n`)
    await publishKeys(broker, folder.documents)
    detail('keys', `freshly made, in ${home.keysDir}`)
    const { keysDir, archiveDir, registerDir } = home
    const profile = { url: brokerUrl, keysDir, archiveDir, register: registerDir, list: LIST }
    writeFileSync(home.profile, `${JSON.stringify(profile, null, 2)}\n`)

    const names = phishingNames()
    const archive = new Archive(home.archiveDir, LIST)
    const { release, report } = await buildDemoList(archive, LIST, names)
    const tools = await programTools('household', { broker, keys: folder, registerDir })
    const { version } = release
    await publishVersion(tools, archive, { list: LIST, version, spreadSeconds: 0, progress: () => {} })
    say('list', `version ${version} published: ${release.names} names`)
    const { chunks, bytes } = release.snapshot
    detail(
      'list',
      `${chunks.length} chunks, ${bytesText(bytes)}; ${leftOut(report)} of ${names.length} lines left out`,
    )
    await giveOrder(
      tools,
      { lineId, service: 'enabled', reason: 'subscribed', by: 'customer' },
      { wait: false },
    )
    await tools.close()
    say('order', `line ${lineId}: enabled`)
    return { list: LIST, listedName: String(names[0]) }
  }

  async stop(): Promise<void> {
    await this.#broker?.close()
  }
}
