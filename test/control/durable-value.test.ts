import { describe, expect, it } from 'vitest'
import { SecureNetError } from '../../module/base/error.ts'
import { DurableValue } from '../../module/control/durable-value.ts'

describe('group commit', () => {
  function make() {
    const writes: { value: number; done: (error?: Error) => void }[] = []
    const state = new DurableValue(0, (value) => {
      return new Promise<void>((resolve, reject) => {
        writes.push({ value, done: (error) => (error ? reject(error) : resolve()) })
      })
    })
    return { state, writes }
  }
  const turn = () => new Promise(setImmediate)

  it('counts a change only when it is written, and writes those that came meanwhile together', async () => {
    const { state, writes } = make()
    const order: string[] = []
    state.change(1)
    const first = state.flushed().then(() => order.push('first'))
    await turn()
    void state.flushed().then(() => order.push('first again'))
    for (let i = 2; i <= 1000; i++) {
      state.change(i)
      void state.flushed().then(() => order.push(`${i}`))
    }
    expect(state.inForce).toBe(0)
    writes[0]!.done()
    await first
    expect(state.inForce).toBe(1)
    await turn()
    expect(order.sort()).toEqual(['first', 'first again'])
    expect(writes.map(({ value }) => value)).toEqual([1, 1000])
    writes[1]!.done()
    await turn()
    expect(order).toHaveLength(1001)
    expect(state.inForce).toBe(1000)
    await state.flushed()
    expect(writes).toHaveLength(2)
  })

  it('goes back to what is on flash where writing fails, for those that built on it too', async () => {
    const { state, writes } = make()
    state.change(1)
    const first = state.flushed()
    await turn()
    state.change(2)
    const second = state.flushed()
    writes[0]!.done(new SecureNetError('STATE_DISK_FULL', 'full'))
    await expect(first).rejects.toMatchObject({ code: 'STATE_DISK_FULL' })
    await expect(second).rejects.toMatchObject({ code: 'STATE_DISK_FULL' })
    expect([state.inForce, state.candidate]).toEqual([0, 0])
    state.change(3)
    const third = state.flushed()
    await turn()
    writes[1]!.done()
    await third
    expect(state.inForce).toBe(3)
  })
})
