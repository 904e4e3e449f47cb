import { afterAll, describe, expect, test } from 'vitest'
import { startBroker } from './broker.ts'
import { addresses, Household, lacking } from './household-in-namespaces.ts'

const missing = lacking(['ip', 'nft', 'dnsmasq', 'dig', 'openssl', 'mosquitto'])
if (missing.length > 0) console.log(`skipped: broker: missing ${missing.join(', ')}`)

describe.skipIf(missing.length > 0)('the backend of the household', () => {
  const home = new Household()
  afterAll(() => home.close())

  test('is reached from the modem by its certificate, and by nobody without one', async () => {
    await home.open()
    const broker = await startBroker(home, 'user modem-1\ntopic readwrite securenet/#\n')
    const { certFile, keyFile } = broker.identity('modem-1')
    const dial = (...identity: string[]) => {
      const to = [
        '-connect',
        `${addresses.backend4}:8883`,
        '-CAfile',
        broker.caFile,
        '-verify_return_error',
        '-tls1_2',
      ]
      return home.attempt('modem', ['openssl', 's_client', ...to, ...identity]).stdout
    }
    expect(dial('-cert', certFile, '-key', keyFile)).toMatch(/Verify return code: 0 \(ok\)/)
    await broker.started.line((line) => line.includes('New connection'))
    dial()
    await broker.started.line((line) => /peer did not return a certificate/.test(line))
  })
})
