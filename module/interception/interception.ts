import { randomBytes } from 'node:crypto'
import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { Config } from '../config/config.ts'
import type { RunCommand } from '../platform/spawn.ts'
import { chooseInterceptor } from './detect.ts'
import { createDeviceCheck } from './devices.ts'
import { createIptables } from './iptables.ts'
import { createLease, type Lease, type LeaseOptions } from './lease.ts'
import { createNftables } from './nftables.ts'
import { createPassthroughGate, type PassthroughGate } from './passthrough-gate.ts'
import { createScopeKeeper } from './scope-keeper.ts'
import { serviceEndpointsOf } from './service.ts'

export interface InterceptionOptions extends Pick<LeaseOptions, 'earned' | 'ownQuestions' | 'onChange'> {
  config: Pick<Config, 'dns' | 'page' | 'interception'>
  run: RunCommand
  clock: Clock
  log: Log
}

export interface Interception {
  lease: Lease
  gate: PassthroughGate
}

/**
 * A quarter of what one client may ask: a device that asks under another's address leaves it the rest.
 * @param perClient `dns.limits.queriesPerSecond`
 */
const perDevice = (perClient = 2000) => Math.max(1, Math.floor(perClient / 4))

/**
 * The back-end that the configuration names or this machine can do, and the lease on it; nothing is armed yet.
 * @throws SecureNetError INTERCEPT_* where a back-end named outright cannot be had
 */
export async function createInterception(options: InterceptionOptions): Promise<Interception> {
  const { config, run, clock, log } = options
  const { interfaces, leaseMs, renewMs, backend } = config.interception
  const service = serviceEndpointsOf(config)
  const whyNot = createDeviceCheck()
  const questionsPerSecond = perDevice(config.dns.limits.queriesPerSecond)
  const scope = createScopeKeeper({ run, address: service.dns6?.address ?? null })
  const { interceptor, missing } = await chooseInterceptor(interfaces.length === 0 ? 'none' : backend, [
    createNftables({
      ...{ run, service, interfaces, leaseMs, questionsPerSecond, whyNot, scope, clock, log },
      random: randomBytes,
    }),
    createIptables({ run, service, leaseMs, whyNot, scope }),
  ])
  for (const error of missing) log.warn('interception-missing', { code: error.code, why: error.message })
  log.info('interception', { backend: interceptor.name, interfaces: interfaces.join(',') })
  return {
    lease: createLease({ ...options, interceptor, interfaces, leaseMs, renewMs }),
    gate: createPassthroughGate({ backend: interceptor.name, run, service, interfaces }),
  }
}
