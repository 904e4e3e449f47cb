import { expect, it } from 'vitest'
import { UnseenBlocks } from '../../module/blockpage/unseen-blocks.ts'

const HOUR = 3_600_000

function rig() {
  const at = { monotonic: 5 * HOUR, wall: Date.UTC(2026, 10, 28, 13) }
  const unseen = new UnseenBlocks({ now: () => at.wall, monotonic: () => at.monotonic })
  const pass = (ms: number) => {
    at.monotonic += ms
    at.wall += ms
  }
  return { at, unseen, pass }
}

it('counts what was stopped without the page, once a visit, and when it was', () => {
  const { unseen, pass, at } = rig()
  const stopped = at.wall
  for (let question = 0; question < 3; question++) unseen.blocked('https.example')
  unseen.blocked('typed.example')
  unseen.asked('typed.example')
  expect(unseen.lastDay()).toBeNull()
  pass(30_000)
  expect(unseen.lastDay()).toEqual({ count: 1, last: stopped })
  unseen.blocked('https.example')
  pass(HOUR)
  expect(unseen.lastDay()).toEqual({ count: 2, last: stopped + 30_000 })
})

it('tells the time by the clock that is right now, not by the one that was wrong then', () => {
  const { unseen, pass, at } = rig()
  at.wall = 0
  unseen.blocked('early.example')
  pass(60_000)
  at.wall = Date.UTC(2026, 10, 28, 13)
  expect(unseen.lastDay()?.last).toBe(at.wall - 60_000)
})

it('forgets after a day, and everything when it is cleared', () => {
  const { unseen, pass } = rig()
  unseen.blocked('one.example')
  pass(23 * HOUR)
  unseen.blocked('two.example')
  pass(HOUR)
  expect(unseen.lastDay()?.count).toBe(1)
  unseen.clear()
  expect(unseen.lastDay()).toBeNull()
})

it('keeps a bounded number of names, and counts the others all the same', () => {
  const { unseen, pass } = rig()
  for (let i = 0; i < 10_000; i++) unseen.blocked(`n${i}.example`)
  expect(unseen.lastDay()?.count).toBe(10_000 - 256)
  pass(HOUR / 2)
  expect(unseen.lastDay()?.count).toBe(10_000)
})
