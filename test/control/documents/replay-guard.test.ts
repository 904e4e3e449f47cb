import { describe, expect, it } from 'vitest'
import {
  parseStoredReplay,
  ReplayGuard,
  type StoredReplay,
} from '../../../module/control/documents/replay-guard.ts'
import { MemoryFile, quiet } from '../signers.ts'

const refused = (code: string) => expect.objectContaining({ name: 'SecureNetError', code })
function guardWith(file = new MemoryFile<StoredReplay>(), most = 3) {
  return { guard: new ReplayGuard({ file, log: quiet, most }), file }
}
const request = (nonce: string, expires = 100, epoch = 1) => ({ nonce, expires, epoch })

describe('ReplayGuard', () => {
  it('claims a nonce once, also across a restart and when two come at once', async () => {
    const { guard, file } = guardWith()
    await guard.load(0)
    await guard.claim(request('a'), 0)
    await expect(guard.claim(request('a'), 0)).rejects.toEqual(refused('DOC_REPLAYED'))
    const both = await Promise.allSettled([guard.claim(request('b'), 0), guard.claim(request('b'), 0)])
    expect(both.map((one) => one.status)).toEqual(['fulfilled', 'rejected'])
    const next = guardWith(file).guard
    await next.load(0)
    for (const nonce of ['a', 'b'])
      await expect(next.claim(request(nonce), 0)).rejects.toEqual(refused('DOC_REPLAYED'))
  })

  it('refuses when full rather than forgetting an unexpired one', async () => {
    const { guard } = guardWith()
    for (const nonce of ['a', 'b', 'c']) await guard.claim(request(nonce), 0)
    await expect(guard.claim(request('d'), 0)).rejects.toEqual(refused('DOC_REPLAY_FULL'))
    await guard.claim(request('d', 200), 100)
    await expect(guard.claim(request('d', 200), 100)).rejects.toEqual(refused('DOC_REPLAYED'))
  })

  it('a clock that goes back does not bring a forgotten one back', async () => {
    const { guard, file } = guardWith()
    await guard.claim(request('a', 100), 0)
    await guard.claim(request('b', 500), 150)
    expect(file.value).toEqual({ v: 1, epoch: 1, used: [['b', 500]], forgotten: 100 })
    await expect(guard.claim(request('a', 100), 0)).rejects.toEqual(refused('DOC_REPLAYED'))
  })

  it('is not claimed where the flash refuses it', async () => {
    const { guard, file } = guardWith()
    file.fault = new Error('full')
    await expect(guard.claim(request('a'), 0)).rejects.toThrow('full')
    file.fault = undefined
    await guard.claim(request('a'), 0)
  })

  it('begins afresh with replaced keys, whatever a thief has claimed with the old ones', async () => {
    const { guard, file } = guardWith()
    const never = 4_000_000_000
    for (const nonce of ['a', 'b', 'c']) await guard.claim(request(nonce, never), 0)
    await expect(guard.claim(request('d'), 0)).rejects.toEqual(refused('DOC_REPLAY_FULL'))
    await guard.claim(request('d', 100, 2), 0)
    expect(file.value).toEqual({ v: 1, epoch: 2, used: [['d', 100]], forgotten: 0 })
    const next = guardWith(file).guard
    await next.load(0)
    await expect(next.claim(request('d', 100, 2), 0)).rejects.toEqual(refused('DOC_REPLAYED'))
  })

  it('a file without an epoch is that of the keys in force', async () => {
    const file = new MemoryFile<StoredReplay>()
    file.value = { v: 1, used: [['a', 100]], forgotten: 50 }
    const { guard } = guardWith(file)
    await guard.load(0)
    await expect(guard.claim(request('a', 100, 7), 0)).rejects.toEqual(refused('DOC_REPLAYED'))
    await expect(guard.claim(request('b', 40, 7), 0)).rejects.toEqual(refused('DOC_REPLAYED'))
  })

  it('a damaged file: nothing that may have been executed is executed', async () => {
    const { guard, file } = guardWith()
    await guard.claim(request('a', 5000), 0)
    file.damaged = true
    const next = guardWith(file).guard
    await next.load(1000)
    await expect(next.claim(request('a', 5000), 1000)).rejects.toEqual(refused('DOC_REPLAYED'))
    await expect(next.claim(request('y', 5000, 9), 1000)).rejects.toEqual(refused('DOC_REPLAYED'))
    await next.claim(request('z', 1000 + 86_400 + 60), 1100)
  })

  it.each([null, 1, {}, { v: 2, used: [] }])('refuses %j', (data) => {
    expect(() => parseStoredReplay(data)).toThrow()
  })
})
