import { describe, expect, it } from 'vitest'
import { TaskQueue } from '../../module/base/task-queue.ts'

describe('TaskQueue', () => {
  it('what comes by now() ends what runs and drops what waits', async () => {
    const queue = new TaskQueue()
    const order: string[] = []
    const running = queue.add(
      (signal) =>
        new Promise((_, reject) => {
          order.push('renewal')
          signal.addEventListener('abort', () => reject(signal.reason))
        }),
    )
    const waiting = queue.add(async () => void order.push('next renewal'))
    const outcomes = Promise.allSettled([running, waiting])
    await Promise.resolve()
    await queue.now(async () => void order.push('disarm'))
    expect((await outcomes).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    await queue.add(async () => void order.push('later'))
    expect(order).toEqual(['renewal', 'disarm', 'later'])
  })
})
