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
    [{}, true, 'protecting'],
    [{ selfTest: 'unknown' }, true, 'protecting'],
    [{ service: undefined }, false, 'no-active-line'],
    [{ service: 'dormant' }, false, 'dormant'],
    [{ service: 'disabled' }, false, 'disabled'],
    [{ service: 'suspended' }, false, 'suspended'],
    [{ service: 'terminated' }, false, 'terminated'],
    [{ fleet: 'pause' }, false, 'fleet-paused'],
    [{ fleet: 'retire', service: 'disabled' }, false, 'fleet-retired'],
    [{ fleet: 'pause', service: 'disabled' }, false, 'disabled'],
    [{ list: 'missing' }, false, 'list-missing'],
    [{ list: 'damaged' }, false, 'list-damaged'],
    [{ selfTest: 'failing' }, false, 'self-test-failing'],
  ] as [Partial<ProtectionInput>, boolean, string][])('%j', (part, armed, why) => {
    expect(protection({ ...good, ...part })).toEqual({ armed, why })
  })

  it('of all combinations only the enabled, running, verified, not failing ones arm; every reason occurs', () => {
    const seen = new Set<string>()
    for (const service of axes.service)
      for (const fleet of axes.fleet)
        for (const list of axes.list)
          for (const selfTest of axes.selfTest) {
            const { armed, why } = protection({ service, fleet, list, selfTest })
            const all =
              service === 'enabled' && fleet === 'run' && list === 'verified' && selfTest !== 'failing'
            expect([armed, why === 'protecting']).toEqual([all, all])
            seen.add(why)
          }
    expect([...seen].sort()).toEqual([...protectionReasons].sort())
  })
})
