import { describe, expect, it } from 'vitest'
import { activeLine } from '../../module/line/active-line.ts'

const wan = { id: 'fixed', interface: 'wan' }
const wwan = { id: 'mobile', interface: 'wwan' }
const second = { id: 'second', interface: 'wan_b' }
const lines = [wan, wwan, second]

describe('the line that carries the traffic', () => {
  it.each<[uplink: string | null | undefined, id: string | undefined, why: string]>([
    ['wan', 'fixed', 'the interface itself'],
    ['wan6', 'fixed', 'the IPv6 half as OpenWrt configures it'],
    ['wan_6', 'fixed', 'the IPv6 half that PPP makes'],
    ['wan_4', 'fixed', 'the IPv4 half that a modem makes'],
    ['wan6_4', 'fixed', 'IPv4 by DS-Lite, MAP or 464XLAT over wan6'],
    ['wan_6_4', 'fixed', 'the same over what PPP made'],
    ['wwan_4', 'mobile', 'QMI'],
    ['wwan6_4', 'mobile', '464XLAT over wwan6'],
    ['wan_b', 'second', 'a line of its own, though it begins like another'],
    ['wan_b_4', 'second', 'its half'],
    ['wan2', undefined, 'another interface'],
    ['wan66', undefined, 'another interface'],
    ['vpn', undefined, 'no line'],
    [null, undefined, 'no uplink'],
    [undefined, 'fixed', 'not told yet: the first'],
  ])('%s: %s (%s)', (uplink, id) => {
    expect(activeLine(lines, uplink)?.id).toBe(id)
  })
})
