import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createLog } from '../../module/base/log.ts'
import { weekOf } from '../../module/blockpage/page-data.ts'
import { StateFile } from '../../module/platform/state-file.ts'
import { CounterHistory, parseStoredCounters } from '../../module/telemetry/counter-history.ts'
import { Counters } from '../../module/telemetry/counters.ts'
import { FakeClock } from '../helpers/fake-clock.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'securenet-counters-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

function history() {
  const clock = new FakeClock()
  const counters = new Counters(() => clock.now())
  const file = new StateFile({ folder, name: 'counters.state', parse: parseStoredCounters })
  return { counters, kept: new CounterHistory({ counters, file, clock, log: createLog(() => undefined) }) }
}

describe('the week’s counts', () => {
  it('outlive a restart', async () => {
    const before = history()
    await before.kept.start()
    before.counters.observe({ reason: 'blocked', category: 1 })
    await before.kept.stop()
    const after = history()
    await after.kept.start()
    expect([...weekOf(after.counters.lastDays())]).toEqual([['phishing', 1]])
  })

  it('are not written where nothing was counted', async () => {
    const { kept } = history()
    await kept.start()
    await kept.stop()
    expect(readdirSync(folder)).toEqual([])
  })

  it('leave nothing behind after a wipe, in no generation', async () => {
    const { counters, kept } = history()
    await kept.start()
    counters.observe({ reason: 'blocked', category: 1 })
    await kept.write()
    counters.wipe()
    await kept.write()
    for (const name of readdirSync(folder))
      expect(readFileSync(join(folder, name), 'utf8')).toContain('"days":[]')
    await kept.stop()
  })

  it('a damaged file costs the figures, not the start', async () => {
    writeFileSync(join(folder, 'counters.state'), 'rubbish')
    const { counters, kept } = history()
    await kept.start()
    expect([...weekOf(counters.lastDays())]).toEqual([])
    await kept.stop()
  })

  it.each([null, {}, { v: 2, days: [] }, { v: 1, days: [[1]] }, { v: 1, days: [[1, [['a', 1]]]] }])(
    'refuses %j',
    (data) => {
      expect(() => parseStoredCounters(data)).toThrow('not counters')
    },
  )
})
