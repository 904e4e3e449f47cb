/** The lease with a stop-watch: how long after a kill at a random phase a client has its first true answer. */
import { addresses, type Household, who } from './household-in-namespaces.ts'
import type { Modem } from './modem.ts'

/** Clients ask so often, ms. */
const everyMs = 50
/** Any phase of the renewal, ms. */
const longestPhaseMs = 2000

interface Watch {
  home: Household
  /** The bundled asker. */
  asker: string
  /** What a protected client is answered. */
  blocked: string
}

export interface Kills extends Watch {
  modem: Modem
  count: number
}

/** Two clients at once, of a kept and of a fresh source port each time, of IPv4 and IPv6 by turns. */
function startClients({ home, asker }: Watch, turn: number) {
  return (['fixed', 'random'] as const).map((kind, i) => {
    const [server, source] =
      i === turn % 2 ? [addresses.modem.lan4, addresses.lan.v4] : [addresses.modem.lanUla, addresses.lan.ula]
    return home.start('lan', [process.execPath, asker, server, source, kind, `${everyMs}`])
  })
}

/** How to know the asker's line of the first true answer since a fault, and the ms to it without what the asker was late. */
export function releaseSince(fault: () => void) {
  fault()
  const at = Date.now()
  const fields = (line: string) => line.split(' ').map(Number)
  return {
    isRelease: (line: string) => line.endsWith(who.stock) && fields(line)[0]! >= at,
    msOf: (line: string) => fields(line)[0]! - at - fields(line)[2]!,
  }
}

/**
 * @param fault what is done to the module, once it answers both clients and at any phase of the renewal
 * @returns ms from there until the last of the clients asked the first question that was truly answered, without what the
 * client itself was late
 */
export async function releaseAfter(watch: Watch, fault: () => void, turn = 0): Promise<number> {
  const clients = startClients(watch, turn)
  await Promise.all(clients.map((client) => client.line((line) => line.endsWith(watch.blocked))))
  await new Promise((next) => setTimeout(next, Math.random() * longestPhaseMs))
  const { isRelease, msOf } = releaseSince(fault)
  const released = await Promise.all(clients.map((client) => client.line(isRelease)))
  for (const client of clients) await watch.home.stop(client)
  return Math.max(...released.map(msOf))
}

/** SIGKILL and SIGSTOP by turns; the module is started again after each. @returns `releaseAfter` of each, ms */
export async function releasedAfter({ modem, count, ...watch }: Kills): Promise<number[]> {
  const all: number[] = []
  for (let turn = 0; turn < count; turn++) {
    const signal = turn % 2 ? 'SIGSTOP' : 'SIGKILL'
    all.push(await releaseAfter(watch, () => modem.started!.child.kill(signal), turn))
    await modem.stop('SIGKILL')
    await modem.start()
  }
  return all
}
