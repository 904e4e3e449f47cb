/** The renewal itself: no question escapes while the kernel's clock starts again, and what it costs. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { renewal, ruleset } from '../../module/interception/ruleset.ts'
import { addresses, Household, lacking, ports, who } from './household-in-namespaces.ts'
import { bundle, Module, standInOptions } from './interception-list.ts'

const missing = lacking()
if (missing.length > 0) console.log(`skipped: interception-renewal: missing ${missing.join(', ')}`)

describe.skipIf(missing.length > 0)('renewal', () => {
  const home = new Household()
  let standIn = ''
  let asker = ''

  beforeAll(async () => {
    await home.open()
    standIn = await bundle(home, 'stand-in')
    asker = await bundle(home, 'asker')
  })
  afterAll(() => home.close())

  test('500 renewals under traffic: no question escapes', { timeout: 60_000 }, async () => {
    const module = home.startModule([process.execPath, standIn, standInOptions('none')])
    await module.line((line) => line === 'info ready')
    const at = (address: string, port: number) => ({ address, port })
    const service = {
      dns4: at(addresses.service4, ports.dns),
      dns6: at(addresses.service6, ports.dns),
      page4: null,
      page6: null,
    }
    const names = ['br-lan', 'br-guest']
    home.exec('modem', ['nft', '-f', '-'], ruleset(service, names) + renewal(names, 6000))
    const clients = (['fixed', 'random'] as const).map((kind) =>
      home.start('lan', [process.execPath, asker, addresses.modem.lan4, addresses.lan.v4, kind, '2']),
    )
    await Promise.all(clients.map((client) => client.line((line) => line.endsWith(who.module))))
    const file = home.write('renewal.nft', renewal(names, 6000))
    const loop = home.start('modem', [
      'sh',
      '-c',
      `i=0; while [ $i -lt 500 ]; do nft -f ${file}; i=$((i+1)); done; echo over`,
    ])
    await loop.line((line) => line === 'over', 50_000)
    for (const client of clients) {
      expect(client.lines.map((line) => line.split(' ')[2])).toEqual([who.module])
      await home.stop(client)
    }
    await home.stop(module)
    home.exec('modem', ['nft', 'delete', 'table', 'inet', 'securenet'])
  })

  test('an armed module that nobody asks: the price of its renewals', {
    timeout: 40_000,
  }, async () => {
    const started = home.startModule([
      process.execPath,
      standIn,
      standInOptions('nftables', { inspectEvery: 15 }),
    ])
    await started.line((line) => line === 'info ready')
    const module = new Module(home, started)
    await module.order('arm')
    /** ms of CPU of the process and of the children it has waited for (proc(5), fields 14 to 17, ticks of 10 ms). */
    const spent = () => {
      const stat = home.exec('modem', ['cat', `/proc/${started.child.pid}/stat`])
      const [user, system, childUser, childSystem] = stat
        .slice(stat.lastIndexOf(')') + 2)
        .split(' ')
        .slice(11, 15)
        .map((ticks) => Number(ticks) * 10)
      return { own: user! + system!, nft: childUser! + childSystem! }
    }
    await new Promise((next) => setTimeout(next, 2 * 2000))
    const before = spent()
    const seconds = 16
    await new Promise((next) => setTimeout(next, seconds * 1000))
    const after = spent()
    const own = (after.own - before.own) / seconds / 10
    const nft = (after.nft - before.nft) / seconds / 10
    console.log(
      `idle, armed: ${(own + nft).toFixed(2)} % of a core (process ${own.toFixed(2)}, nft ${nft.toFixed(2)})`,
    )
    // The price is printed, not asserted: others share this machine. What must hold is that nothing lapsed meanwhile.
    expect(module.status()).toMatchObject({ armed: ['br-lan', 'br-guest'], interruptions: 0 })
    await module.kill('SIGTERM')
  })
})
