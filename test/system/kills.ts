/** The lease with a stop-watch: how long after a kill at a random phase a client has its first true answer. */
import { addresses, type Household, who } from './household-in-namespaces.ts'
import type { Modem } from './modem.ts'

/** Clients ask so often, ms. */
const everyMs = 50
/** Any phase of the renewal, ms. */
const longestPhaseMs = 2000

export interface Kills {
  home: Household
  modem: Modem
  /** The bundled asker. */
  asker: string
  count: number
  /** What a protected client is answered. */
  blocked: string
}

/** Two clients at once, of a kept and of a fresh source port each time, of IPv4 and IPv6 by turns. */
function startClients({ home, asker }: Kills, turn: number) {
  return (['fixed', 'random'] as const).map((kind, i) => {
    const [server, source] =
      i === turn % 2 ? [addresses.modem.lan4, addresses.lan.v4] : [addresses.modem.lanUla, addresses.lan.ula]
    return home.start('lan', [process.execPath, asker, server, source, kind, `${everyMs}`])
  })
}

/**
 * SIGKILL and SIGSTOP by turns; the module is started again after each.
 * @returns of each kill the ms until the last of its clients was released
 */
export async function releasedAfter(kills: Kills): Promise<number[]> {
  const { home, modem, count, blocked } = kills
  const all: number[] = []
  for (let turn = 0; turn < count; turn++) {
    const clients = startClients(kills, turn)
    await Promise.all(clients.map((client) => client.line((line) => line.endsWith(blocked), 20_000)))
    await new Promise((next) => setTimeout(next, Math.random() * longestPhaseMs))
    const at = Date.now()
    modem.started!.child.kill(turn % 2 ? 'SIGSTOP' : 'SIGKILL')
    const isRelease = (line: string) => line.endsWith(who.stock) && Number(line.split(' ')[0]) >= at
    const released = await Promise.all(clients.map((client) => client.line(isRelease, 15_000)))
    all.push(Math.max(...released.map((line) => Number(line.split(' ')[0]) - at)))
    for (const client of clients) await home.stop(client)
    await modem.stop('SIGKILL')
    await modem.start()
  }
  return all
}
