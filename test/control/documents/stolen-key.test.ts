import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { topics } from '../../../module/control/mqtt/topics.ts'
import { generateSigningKey } from '../../../scripts/operator/signing/signing-key.ts'
import { startAedes, type TestBroker } from '../broker.ts'
import { makeOperator, seconds, startBackend, startModem, temporaryFolder, until } from '../rig.ts'

const year = 365 * 86_400
let broker: TestBroker
let operator: ReturnType<typeof makeOperator>
let backend: Awaited<ReturnType<typeof startBackend>>
let modem: Awaited<ReturnType<typeof startModem>>
let removeFolder: () => void

beforeEach(async () => {
  broker = await startAedes()
  operator = makeOperator()
  backend = await startBackend(broker.broker)
  const { folder, remove } = temporaryFolder()
  removeFolder = remove
  await backend.publish(topics.keys(1), await operator.keys(1))
  modem = await startModem(broker.broker, operator, folder)
  await backend.publish(topics.desired('l1'), await operator.order())
  await until(() => backend.last()?.protecting)
})
afterEach(async () => {
  await modem.stop()
  await backend.stop()
  await broker.stop()
  broker.remove()
  removeFolder()
})

async function ask(id: string) {
  await backend.publish(topics.request('m1'), await operator.request({ id }), false)
  const answered = (response: { id?: string; code?: string }) => response.id === id || response.code
  await until(() => backend.responses.some(answered))
  return backend.responses.splice(0).find(answered)
}

describe('what a thief of one role’s key can do to the modem’s time', () => {
  it.each(['head', 'fleet', 'order', 'request'] as const)(
    'by a %s of ten years hence: nothing, and it is reported',
    async (kind) => {
      const issuedAt = seconds() + 10 * year
      const topic = {
        head: topics.head('securenet'),
        fleet: topics.fleet(),
        order: topics.desired('l1'),
        request: topics.request('m1'),
      }[kind]
      const document =
        kind === 'request'
          ? await operator.request({ id: 'thief', issuedAt, expires: issuedAt + 60 })
          : await operator[kind]({ issuedAt, sequence: 2 })
      await backend.publish(topic, document, kind !== 'request')
      if (kind === 'request') {
        await until(() => backend.responses.splice(0).some(({ id }) => id === 'thief'))
        modem.twin.changed()
      }
      await until(() => backend.last()?.clock.unbelieved === issuedAt)
      expect(backend.last()?.clock.floor).toBeLessThanOrEqual(seconds())
      expect(await ask('honest')).toMatchObject({ ok: true })
    },
  )

  it('within the hour’s lead: requests look late, until the key is replaced', async () => {
    await backend.publish(
      topics.desired('l1'),
      await operator.order({ sequence: 2, issuedAt: seconds() + 3000 }),
    )
    await until(() => backend.last()?.sequence === 2)
    expect(await ask('late')).toMatchObject({ ok: false, code: 'DOC_EXPIRED' })
    operator.of.line = generateSigningKey()
    await backend.publish(topics.keys(2), await operator.keys(2))
    await until(() => backend.last()?.keysNumber === 2)
    expect(backend.last()?.clock.floor).toBeLessThanOrEqual(seconds())
    expect(await ask('again')).toMatchObject({ ok: true })
  })
})
