import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createLog } from '../../module/base/log.ts'
import { parseStoredFloor, type StoredTrustedTime, TrustedTime } from '../../module/platform/trusted-time.ts'
import { FakeClock } from '../helpers/fake-clock.ts'

const build = 1_790_000_000
const day = 86_400

class Memory {
  value: StoredTrustedTime | undefined
  damaged = false
  writes = 0
  read = async () => {
    if (this.damaged) throw new Error('STATE_DAMAGED')
    return { value: this.value, from: 'current' as const }
  }
  write = async (value: StoredTrustedTime) => {
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
  return { clock, file, floor: new TrustedTime({ clock, file, buildTime: build, log, boot: 'b' }) }
}

describe('ClockFloor', () => {
  it('is the greatest of build time, signed time and stored time, and never behind', async () => {
    const { floor, file } = floorAt(0)
    expect(floor.now()).toBe(build)
    floor.observe(build + 100, 'role')
    expect(floor.now()).toBe(build + 100)
    floor.observe(build + 50, 'role')
    expect(floor.now()).toBe(build + 100)
    file.value = { v: 2, stored: build + 5000 }
    await floor.load()
    expect(floor.now()).toBe(build + 5000)
  })

  it('moves on with the monotonic clock while the wall clock stands in 1970', () => {
    const { floor, clock } = floorAt(0)
    clock.advance(90_000)
    expect(floor.instant()).toEqual({ wall: 90, floor: build + 90, monotonic: 90, boot: 'b' })
    expect(floor.now()).toBe(build + 90)
  })

  it('follows a wall clock that is ahead of the floor', () => {
    const { floor, clock } = floorAt(build + day)
    expect(floor.now()).toBe(build + day)
    clock.jumpTo((build - day) * 1000)
    expect(floor.now()).toBe(build)
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
    expect(next.floor.now()).toBe(build + 1 + 7199)
  })

  it('asks a slow flash once, and again where it refused', async () => {
    const { floor, file } = floorAt(build + 1)
    let fault: Error | undefined
    file.write = async () => {
      file.writes++
      await new Promise(setImmediate)
      if (fault) throw fault
    }
    await Promise.all([floor.persist(), floor.persist()])
    expect(file.writes).toBe(1)
    fault = new Error('full')
    floor.observe(build + 9000, 'root')
    await expect(floor.persist()).rejects.toThrow('full')
    fault = undefined
    await floor.persist()
    expect(file.writes).toBe(3)
  })

  it('a wall clock far ahead of every signature does not become the floor of later boots', async () => {
    const { floor, file } = floorAt(build + 4000 * day)
    floor.observe(build + day, 'role')
    await floor.persist()
    expect(file.value).toEqual({ v: 2, stored: build + day })
  })

  it.each(['root', 'role'] as const)('a %s decades ahead is not believed', (by) => {
    const { floor } = floorAt(build + 30 * 366 * day)
    floor.observe(build + 30 * 366 * day, by)
    expect(floor.floor()).toBe(build)
  })

  it('of a file of version 1 the estimate is read, and no signed time', () => {
    expect(parseStoredFloor({ v: 1, rooted: 1, signed: 2, stored: 3 })).toEqual({ v: 2, stored: 3 })
  })

  it('what is stored is believed as far as a kept signature bears it out', async () => {
    const file = new Memory()
    file.value = { v: 2, stored: build + 4000 * day }
    const { floor } = floorAt(0, file)
    await floor.load()
    expect(floor.now()).toBe(build + 45 * day)
    floor.recall(build + 300 * day, 'root')
    floor.recall(build + 310 * day, 'role')
    expect(floor.now()).toBe(build + 355 * day)
    floor.recall(build + 8000 * day, 'role')
    expect(floor.now()).toBe(build + 355 * day)
    // A forged one does not keep the true one from being written.
    file.value = undefined
    floor.observe(build + 360 * day, 'root')
    await floor.persist()
    expect(file.value).toEqual({ v: 2, stored: build + 360 * day })
  })

  it('a damaged file costs precision, no more', async () => {
    const { floor, file } = floorAt(0)
    file.damaged = true
    await floor.load()
    expect(floor.now()).toBe(build)
    expect(file.damaged).toBe(false)
  })

  it.each([null, 1, {}, { v: 3, stored: 1 }, { v: 2, stored: '1' }])('refuses %j', (data) => {
    expect(() => parseStoredFloor(data)).toThrow()
  })
})

describe('a role’s key in a thief’s hands', () => {
  const now = build + 400 * day
  const hour = 3600

  it('leads the floor by an hour, once, however often it signs; an hour later that is over', async () => {
    const { floor, clock, file } = floorAt(now)
    for (let lead = 60; lead <= 20 * hour; lead += 60) floor.observe(now + lead, 'role')
    expect(floor.floor()).toBe(now + hour)
    expect(floor.unbelieved()).toBe(now + 20 * hour)
    await floor.persist()
    expect(file.value).toEqual({ v: 2, stored: now })
    clock.advance(hour * 1000)
    expect(floor.now()).toBe(now + hour)
    clock.advance(20 * hour * 1000)
    expect(floor.unbelieved()).toBeUndefined()
  })

  it('gains nothing by restarts, with the wall clock in 1970', async () => {
    const file = new Memory()
    await floorAt(now, file).floor.persist()
    for (let boot = 1; boot <= 50; boot++) {
      const { floor } = floorAt(0, file)
      await floor.load()
      floor.observe(floor.now() + hour, 'role')
      await floor.persist(true)
      expect(floor.now()).toBeLessThanOrEqual(now + hour)
    }
  })

  it('whatever it signs, over restarts and with the wall clock in 1970 or right: an hour ahead of the truth at most', async () => {
    const lead = fc.oneof(fc.integer({ min: 0, max: 2 * hour }), fc.integer({ min: -day, max: 4000 * day }))
    const event = fc.oneof(
      fc.record({ what: fc.constant('sign' as const), by: lead }),
      fc.record({ what: fc.constant('pass' as const), by: fc.integer({ min: 1, max: 3 * hour }) }),
      fc.record({ what: fc.constant('restart' as const), by: fc.constantFrom(0, 1) }),
      fc.record({ what: fc.constant('store' as const), by: fc.constant(0) }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(event, { maxLength: 60 }), async (events) => {
        const file = new Memory()
        let truth = now
        let modem = floorAt(truth, file)
        for (const { what, by } of events) {
          if (what === 'sign') modem.floor.observe(modem.floor.now() + by, 'role')
          if (what === 'store') await modem.floor.persist(true)
          if (what === 'pass') {
            truth += by
            modem.clock.advance(by * 1000)
          }
          if (what === 'restart') {
            modem = floorAt(by === 1 ? truth : 0, file)
            await modem.floor.load()
          }
          expect(modem.floor.now()).toBeLessThanOrEqual(truth + hour)
        }
      }),
    )
  })

  it('an honest signature that the wall clock has reached does move on with the monotonic clock', () => {
    const { floor, clock } = floorAt(now)
    floor.observe(now, 'role')
    clock.advance(500_000)
    clock.jumpTo(0)
    expect(floor.now()).toBe(now + 500)
  })

  it('roots are believed, and what they know tells a wrong wall clock', () => {
    const { floor } = floorAt(0)
    floor.observe(now, 'root')
    expect(floor.floor()).toBe(now)
    floor.observe(now + 2 * hour, 'role')
    expect([floor.floor(), floor.unbelieved()]).toEqual([now, now + 2 * hour])
  })

  it('roots whose own clock was ahead take it back by the next keys document', async () => {
    const { floor, file, clock } = floorAt(now)
    floor.observe(now + 300 * day, 'root')
    await floor.persist(true)
    expect(floor.floor()).toBe(now + 300 * day)
    expect(floor.wallIsUnset()).toBe(false)
    clock.advance(60_000)
    floor.observe(now + 60, 'root')
    await floor.persist(true)
    expect(floor.now()).toBe(now + 60)
    expect(file.value).toEqual({ v: 2, stored: now + 60 })
  })

  it('a wall clock before the build is none', () => {
    expect(floorAt(build - 301).floor.wallIsUnset()).toBe(true)
    expect(floorAt(build - 300).floor.wallIsUnset()).toBe(false)
  })

  it('together with a wrong NTP server moves the time, until the key is replaced', async () => {
    const wrong = build + 5000 * day
    const { floor, clock, file } = floorAt(wrong)
    floor.observe(wrong, 'role')
    await floor.persist()
    clock.jumpTo(now * 1000)
    expect(floor.now()).toBe(wrong)
    // Not so far as to keep the modem from its broker.
    expect(floor.wallIsUnset()).toBe(false)
    floor.forgetRoles()
    floor.observe(now - day, 'root')
    await floor.persist(true)
    expect(floor.now()).toBe(now)
    const next = floorAt(0, file)
    await next.floor.load()
    next.floor.recall(now - day, 'root')
    expect(next.floor.now()).toBe(now)
  })
})
