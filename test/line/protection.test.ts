import { describe, expect, it } from 'vitest'
import { type ProtectionInput, protection, protectionReasons } from '../../module/line/protection.ts'

const good: ProtectionInput = { service: 'enabled', fleet: 'run', list: 'verified', selfTest: 'passing' }
const axes = {
  service: [undefined, 'dormant', 'enabled', 'disabled', 'suspended', 'terminated'],
  fleet: ['run', 'pause', 'retire'],
  list: ['verified', 'missing', 'damaged'],
  selfTest: ['passing', 'failing', 'unknown'],
} as const

describe('protection', () => {
  it.each([
    [{}, 'filtering, intercepting', 'protecting'],
    [{ selfTest: 'unknown' }, 'filtering, intercepting', 'protecting'],
    [{ service: undefined }, 'nothing', 'no-active-line'],
    [{ service: 'dormant' }, 'nothing', 'dormant'],
    [{ service: 'disabled' }, 'nothing', 'disabled'],
    [{ service: 'suspended' }, 'nothing', 'suspended'],
    [{ service: 'terminated' }, 'nothing', 'terminated'],
    [{ fleet: 'pause' }, 'nothing', 'fleet-paused'],
    [{ fleet: 'retire', service: 'disabled' }, 'nothing', 'fleet-retired'],
    [{ fleet: 'pause', service: 'disabled' }, 'nothing', 'disabled'],
    [{ list: 'missing' }, 'nothing', 'list-missing'],
    [{ list: 'damaged' }, 'nothing', 'list-damaged'],
    [{ selfTest: 'failing' }, 'filtering', 'self-test-failing'],
    [{ selfTest: 'failing', list: 'missing' }, 'nothing', 'list-missing'],
  ] as [Partial<ProtectionInput>, string, string][])('%j: %s', (part, does, why) => {
    const filtering = does.includes('filtering')
    const intercepting = does.includes('intercepting')
    expect(protection({ ...good, ...part })).toEqual({ filtering, intercepting, why })
  })

  it('of all combinations only the enabled, running, verified ones filter, and intercept unless the test fails; every reason occurs', () => {
    const seen = new Set<string>()
    for (const service of axes.service)
      for (const fleet of axes.fleet)
        for (const list of axes.list)
          for (const selfTest of axes.selfTest) {
            const { filtering, intercepting, why } = protection({ service, fleet, list, selfTest })
            const filters = service === 'enabled' && fleet === 'run' && list === 'verified'
            const intercepts = filters && selfTest !== 'failing'
            expect([filtering, intercepting, why === 'protecting']).toEqual([filters, intercepts, intercepts])
            seen.add(why)
          }
    expect([...seen].sort()).toEqual([...protectionReasons].sort())
  })
})
