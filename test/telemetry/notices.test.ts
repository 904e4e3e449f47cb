import { expect, test } from 'vitest'
import { type Notice, Notices } from '../../module/telemetry/notices.ts'
import { FakeClock } from '../helpers/fake-clock.ts'

const HOUR_MS = 3_600_000
const notice = (name: string, lineId = 'fixed'): Notice => ({ lineId, name, category: 'phishing' })

function fixture() {
  const clock = new FakeClock()
  const sent: string[] = []
  const notices = new Notices({ clock, send: ({ lineId, name }) => void sent.push(`${lineId} ${name}`) })
  return { clock, sent, notices }
}

test.each([
  ['at once', 0, 1],
  ['59 minutes later', 59 * 60_000, 1],
  ['a millisecond before the hour', HOUR_MS - 1, 1],
  ['when the hour is over', HOUR_MS, 2],
  ['a day later', 24 * HOUR_MS, 2],
])('the same name again %s', (_, ms, count) => {
  const { clock, sent, notices } = fixture()
  notices.add(notice('a.example'))
  clock.advance(ms)
  for (let asked = 0; asked < 100; asked++) notices.add(notice('a.example'))
  expect(sent).toHaveLength(count)
})

test('the hour runs from the notice that was sent: asking on does not prolong the silence', () => {
  const { clock, sent, notices } = fixture()
  for (let minute = 0; minute < 180; minute++) {
    notices.add(notice('a.example'))
    clock.advance(60_000)
  }
  expect(sent).toHaveLength(3)
})

test.each([
  ['another name', notice('b.example')],
  ['a name below it', notice('www.a.example')],
  ['the same name on another line', notice('a.example', 'mobile')],
])('%s has a notice of its own', (_, other) => {
  const { sent, notices } = fixture()
  notices.add(notice('a.example'))
  notices.add(other)
  expect(sent).toEqual(['fixed a.example', `${other.lineId} ${other.name}`])
})

test('a flood of names is bounded: 500 an hour, and as many timers; the next hour has notices again', () => {
  const { clock, sent, notices } = fixture()
  for (let i = 0; i < 10_000; i++) notices.add(notice(`n${i}.example`))
  expect([sent.length, clock.waiting]).toEqual([500, 500])
  clock.advance(HOUR_MS)
  expect(clock.waiting).toBe(0)
  notices.add(notice('after.example'))
  expect(sent.at(-1)).toBe('fixed after.example')
})

test('stopped, it forgets names and leaves no timer', () => {
  const { clock, sent, notices } = fixture()
  notices.add(notice('a.example'))
  notices.stop()
  expect(clock.waiting).toBe(0)
  notices.add(notice('a.example'))
  expect(sent).toHaveLength(2)
})
