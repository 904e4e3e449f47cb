/** The renewal itself: no question escapes while the kernel's clock starts again. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { addresses, Household, lacking, who } from './household-in-namespaces.ts'
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

  test('500 renewals under traffic: no question escapes', async () => {
    const often = { renewMs: 10, inspectEvery: 1000, tellRenewals: 500 }
    const started = home.startModule([process.execPath, standIn, standInOptions('nftables', often)])
    await started.line((line) => line === 'info ready')
    const module = new Module(home, started)
    await module.order('arm')
    const clients = (['fixed', 'random'] as const).map((kind) =>
      home.start('lan', [process.execPath, asker, addresses.modem.lan4, addresses.lan.v4, kind, '2']),
    )
    await Promise.all(clients.map((client) => client.line((line) => line.endsWith(who.module))))
    await started.line((line) => line === 'info renewals count=500')
    for (const client of clients) {
      expect(client.lines.map((line) => line.split(' ')[3])).toEqual([who.module])
      await home.stop(client)
    }
    expect(module.status()).toMatchObject({ interruptions: 0, rebuilt: 0 })
    await module.kill('SIGTERM')
  })
})
