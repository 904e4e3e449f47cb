import { writeFileSync } from 'node:fs'
import type { Home } from './home.ts'
import type { Settings } from './settings.ts'
import type { Resolver } from './upstream.ts'

export const household = { modemId: 'demo-modem', lineId: 'demo', pageAddress: '127.0.0.1' } as const

/** One client on loopback stands for everybody: `dig` in a loop over the whole list is no attack here. */
const limits = { queriesPerSecond: 100_000, burst: 200_000, tcpConnectionsPerClient: 128 }

export interface ModuleSurroundings {
  home: Home
  settings: Settings
  /** Loopback addresses of this machine. */
  addresses: readonly string[]
  upstream: Resolver
  brokerUrl: string
  list: string
}

/** The configuration as the init script would write it (module/config/schema.json). */
export function moduleConfig({ home, settings, addresses, upstream, brokerUrl, list }: ModuleSurroundings) {
  const listen = (port: number) => addresses.map((address) => ({ address, port }))
  return {
    modemId: household.modemId,
    dataDir: home.dataDir,
    runDir: home.runDir,
    lines: [{ id: household.lineId }],
    dns: { listen: listen(settings.dnsPort), limits },
    upstream: { servers: [upstream] },
    page: { listen: listen(settings.pagePort), ipv4: household.pageAddress },
    // Nothing on this machine is turned towards the module: `dig -p` asks it by its port.
    interception: { backend: 'none' },
    mqtt: { url: brokerUrl },
    // A person who publishes two lists in a row does not want to wait ten minutes.
    list: { name: list, probationSeconds: 5 },
    trust: { rootsFile: home.rootsFile },
  }
}

export function writeModuleConfig(surroundings: ModuleSurroundings): void {
  writeFileSync(surroundings.home.configFile, `${JSON.stringify(moduleConfig(surroundings), null, 2)}\n`)
}
