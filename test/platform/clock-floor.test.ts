import { describe, expect, it } from 'vitest'
import { createLog } from '../../module/log.ts'
import { ClockFloor, parseStoredFloor, type StoredFloor } from '../../module/platform/clock-floor.ts'
import { FakeClock } from '../helpers/fake-clock.ts'

const build = 1_790_000_000
const day = 86_400

class Memory {
  value: StoredFloor | undefined
  damaged = false
  writes = 0
  read = async () => {
    if (this.damaged) throw new Error('STATE_DAMAGED')
    return { value: this.value, from: 'current' as const }
  }
  write = async (value: StoredFloor) => {
    this.writes++
    this.value = value
  }
  setAside = async () => {
    this.damaged = false
  }
}
function floorAt(wall: number, file = new Memory()) {
  const clock = new FakeClock(wall * 1000)
  const log = createLog(() => {})
  return { clock, file, floor: new ClockFloor({ clock, file, buildTime: build, log, boot: 'b' }) }
}

describe('ClockFloor', () => {
  it('is the greatest of build time, signed time and stored time, and never behind', async () => {
    const { floor, file } = floorAt(0)
    expect(floor.trustedNow()).toBe(build)
    floor.observe(build + 100)
    expect(floor.trustedNow()).toBe(build + 100)
    floor.observe(build + 50)
    expect(floor.trustedNow()).toBe(build + 100)
    file.value = { v: 1, signed: build + 10, stored: build + 5000 }
    await floor.load()
    expect(floor.trustedNow()).toBe(build + 5000)
  })

  it('moves on with the monotonic clock while the wall clock stands in 1970', () => {
    const { floor, clock } = floorAt(0)
    clock.advance(90_000)
    expect(floor.instant()).toEqual({ wall: 90, floor: build + 90, monotonic: 90, boot: 'b' })
    expect(floor.trustedNow()).toBe(build + 90)
  })

  it('follows a wall clock that is ahead of the floor', () => {
    const { floor, clock } = floorAt(build + day)
    expect(floor.trustedNow()).toBe(build + day)
    clock.jumpTo((build - day) * 1000)
    expect(floor.trustedNow()).toBe(build)
  })

  it('writes each hour at most, and at a clean stop', async () => {
    const { floor, clock, file } = floorAt(build + 1)
    await floor.persist()
    expect(file.value?.stored).toBe(build + 1)
    clock.advance(3_599_000)
    await floor.persist()
    expect(file.writes).toBe(1)
    await floor.persist(true)
    expect(file.writes).toBe(2)
    clock.advance(3_600_000)
    await floor.persist()
    expect(file.writes).toBe(3)
    const next = floorAt(0, file)
    await next.floor.load()
    expect(next.floor.trustedNow()).toBe(build + 1 + 7199)
  })

  it('a wall clock far ahead of every signature does not become the floor of later boots', async () => {
    const { floor, file } = floorAt(build + 4000 * day)
    floor.observe(build + day)
    await floor.persist()
    expect(file.value).toEqual({ v: 1, signed: build + day, stored: build + day })
  })

  it('a signer decades ahead is not believed', () => {
    const { floor } = floorAt(0)
    floor.observe(build + 30 * 366 * day)
    expect(floor.trustedNow()).toBe(build)
  })

  it('a damaged file costs precision, no more', async () => {
    const { floor, file } = floorAt(0)
    file.damaged = true
    await floor.load()
    expect(floor.trustedNow()).toBe(build)
    expect(file.damaged).toBe(false)
  })

  it.each([null, 1, {}, { v: 2, signed: 1, stored: 1 }, { v: 1, signed: '1', stored: 1 }])(
    'refuses %j',
    (data) => {
      expect(() => parseStoredFloor(data)).toThrow()
    },
  )
})
