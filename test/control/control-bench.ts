import { writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { type Clock, systemClock } from '../../module/base/clock.ts'
import { createLog } from '../../module/base/log.ts'
import { Control, loadControl } from '../../module/control/control.ts'
import type { BrokerAddress } from '../../module/control/mqtt/transport.ts'
import { type LineBook, lineOf } from '../../module/line/store.ts'
import { aclOf } from '../system/modem.ts'
import {
  type makeCertificates,
  mosquittoMissing,
  startAedes,
  startMosquitto,
  type TestBroker,
} from './broker.ts'
import { type Operator, seconds } from './rig.ts'

/** A broker as the operator runs it, and who may come to it. */
export interface Operated {
  test: TestBroker
  /** How somebody reaches it; `url` of a proxy before it where given. */
  as(name: string, url?: string): BrokerAddress
  log(): string
}

type Certificates = ReturnType<typeof makeCertificates>
export interface Kind {
  name: string
  protocol: '5' | '3.1.1'
  missing: boolean
  open(certificates: () => Certificates, config?: string[]): Promise<Operated>
}

/** mosquitto with client certificates and the access list of the operator's map; aedes knows neither. */
export const kinds: Kind[] = [
  {
    name: 'aedes (3.1.1)',
    protocol: '3.1.1',
    missing: false,
    async open() {
      const test = await startAedes()
      return { test, as: (_name, url = test.broker.url) => ({ url }), log: () => '' }
    },
  },
  {
    name: 'mosquitto (MQTT 5, mTLS, ACL)',
    protocol: '5',
    missing: mosquittoMissing,
    async open(made, config = []) {
      const certificates = made()
      const [cert, key] = certificates.files('broker') as [string, string]
      const tls = { ca: certificates.ca, cert, key }
      const test = await startMosquitto({ tls, acl: aclOf('m1', ['l1', 'l2']), config })
      const as = (name: string, url = test.broker.url) => {
        const [certFile, keyFile] = certificates.files(name) as [string, string]
        return { url, caFile: certificates.ca, certFile, keyFile }
      }
      return { test, as, log: test.log }
    },
  },
]

export interface ModemOptions {
  broker: BrokerAddress
  folder: string
  operator: Operator
  clock?: Clock
  keepaliveSeconds?: number
  random?: () => number
  /** Of the log. */
  onLine?: (line: string) => void
}

/** One modem's Control, over real files; what it is told to do is written down. */
export async function startControl(options: ModemOptions) {
  const { broker, folder, operator, clock = systemClock, keepaliveSeconds = 5, random = () => 0 } = options
  const log = createLog(options.onLine ?? (() => undefined))
  const rootsFile = join(folder, 'roots.json')
  writeFileSync(rootsFile, JSON.stringify(operator.roots))
  const boot = `boot-${Math.random().toString(36).slice(2)}`
  const { trust, ...stored } = await loadControl({
    config: { dataDir: folder, trust: { rootsFile } },
    ...{ clock, log, boot },
    buildTime: seconds() - 86_400,
  })
  if (!trust) throw new Error('no roots')
  let book: LineBook = stored.book
  const services: string[] = []
  const control = new Control({
    ...stored,
    trust,
    config: {
      modemId: 'm1',
      dataDir: folder,
      lines: [
        { id: 'l1', access: 'fixed', interface: 'wan' },
        { id: 'l2', access: 'mobile', interface: 'wwan' },
      ],
      list: { name: 'securenet', quotaBytes: 0, probationSeconds: 0, chunkTimeoutMs: 1000 },
      mqtt: { ...broker, keepaliveSeconds },
    },
    identity: { modemId: 'm1', bootId: boot, version: '0.1.0' },
    clock,
    log,
    random,
    onHead: () => undefined,
    act: async (next) => {
      book = next
      services.push(lineOf(book, 'l1').service)
    },
    measure: (lineId) => {
      const protecting = lineId === 'l1' && lineOf(book, 'l1').service === 'enabled'
      return {
        access: 'fixed',
        active: lineId === 'l1',
        protecting,
        why: protecting ? 'protecting' : 'disabled',
        interfaces: { armed: [], refused: [] },
        list: { name: 'securenet', state: 'none' },
        selfTest: { udp4: 'pass', tcp4: 'pass', udp6: 'pass', tcp6: 'pass', page: 'pass', forward: 'pass' },
      }
    },
    handlers: {
      status: () => ({ serving: true }),
      'self-test': () => null,
      'check-name': () => null,
      'support-bundle': () => null,
      sync: () => control.sync(),
    },
  })
  await control.start()
  return { control, services, service: () => lineOf(book, 'l1').service }
}

/** A TCP proxy that can fall silent as a half-open connection does: nobody closes, nothing passes. */
export async function startProxy(port: number) {
  const frozen = new Set<Socket>()
  const open = new Set<Socket>()
  const server = createServer((modem) => {
    const broker = connect(port, '127.0.0.1')
    for (const [from, to] of [
      [modem, broker],
      [broker, modem],
    ] as const) {
      open.add(from)
      from.on('data', (bytes) => frozen.has(from) || to.write(bytes))
      from.on('error', () => undefined)
      from.on('close', () => {
        open.delete(from)
        if (!frozen.has(from)) to.destroy()
      })
    }
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    /** What is open now; connections made later pass. */
    freeze: () => {
      for (const socket of open) frozen.add(socket)
    },
    stop: () => {
      for (const socket of open) socket.destroy()
      server.close()
    },
  }
}
