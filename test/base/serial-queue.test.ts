import { describe, expect, it } from 'vitest'
import { SerialQueue } from '../../module/base/serial-queue.ts'

describe('SerialQueue', () => {
  it('runs one job at a time, in the order of the calls', async () => {
    const queue = new SerialQueue()
    const events: string[] = []
    const job = (name: string) => async () => {
      events.push(`${name} begins`)
      await new Promise((resolve) => setImmediate(resolve))
      events.push(`${name} ends`)
      return name
    }
    const results = Promise.all([queue.run(job('a')), queue.run(job('b'))])
    expect(events).toEqual([])
    expect(await results).toEqual(['a', 'b'])
    expect(events).toEqual(['a begins', 'a ends', 'b begins', 'b ends'])
  })

  it('goes on after a job that failed, and tells its caller alone', async () => {
    const queue = new SerialQueue()
    const failed = queue.run(() => Promise.reject(new Error('no')))
    const thrown = queue.run(() => {
      throw new Error('at once')
    })
    const next = queue.run(() => 'next')
    await expect(failed).rejects.toThrow('no')
    await expect(thrown).rejects.toThrow('at once')
    expect(await next).toBe('next')
  })

  it('is idle once every job so far has ended, well or not', async () => {
    const queue = new SerialQueue()
    const ended: string[] = []
    queue.run(async () => void ended.push('first')).catch(() => undefined)
    queue
      .run(async () => {
        ended.push('second')
        throw new Error('no')
      })
      .catch(() => undefined)
    await queue.idle()
    expect(ended).toEqual(['first', 'second'])
  })
})
