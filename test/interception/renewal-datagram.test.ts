import { describe, expect, test } from 'vitest'
import { systemClock } from '../../module/base/clock.ts'
import { openRenewalDatagram } from '../../module/interception/renewal-datagram.ts'

const nonce = Buffer.from('0123456789abcdef', 'hex')

// With the rule: test/system, where there is a kernel of our own to give it to.
describe('a renewal datagram without a rule that takes it', () => {
  test.each(['127.0.0.1', '::1'])('on %s comes back, and is not taken, each time', async (address) => {
    const datagram = await openRenewalDatagram(address, systemClock)
    expect(datagram).toMatchObject({ address })
    expect(await datagram.send(nonce)).toBe('not-taken')
    expect(await datagram.send(nonce)).toBe('not-taken')
    datagram.close()
  })

  test('closed while it is under way is not taken', async () => {
    const datagram = await openRenewalDatagram('127.0.0.1', systemClock)
    const sent = datagram.send(nonce)
    datagram.close()
    expect(await sent).toBe('not-taken')
  })

  test('an address that this machine has not is told with the way out', async () => {
    await expect(openRenewalDatagram('192.0.2.1', systemClock)).rejects.toMatchObject({
      code: 'INTERCEPT_NO_LOOPBACK',
      remedy: expect.stringContaining('lo'),
    })
  })
})
