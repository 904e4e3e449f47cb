import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { codeOf } from '../../module/base/error.ts'
import type { LineView } from '../../scripts/operator/orders.ts'
import { expandPack, linesOut, parsePack } from '../../scripts/operator/pack.ts'
import type { Pack } from '../../scripts/operator/register/records.ts'
import { CliBench } from './cli-bench.ts'

const view = (lineId: string, service?: string, generation = 1, sequence = 1) =>
  ({ lineId, ...(service ? { desired: { lineId, service, generation, sequence } } : {}) }) as LineView
const pack = (change: Partial<Pack> = {}): Pack => ({
  pack: 'p',
  lines: ['a', 'b'],
  out: [],
  ordered: {},
  ...change,
})

describe('expansion: one order per line', () => {
  it.each<[string, Pack, LineView[], 'enabled' | 'disabled', string[]]>([
    ['a new pack', pack(), [view('a'), view('b')], 'enabled', ['order', 'order']],
    ['sent again', pack(), [view('a', 'enabled'), view('b', 'enabled')], 'enabled', ['order', 'order']],
    ['taken out', pack({ out: ['b'] }), [view('a'), view('b')], 'enabled', ['order', 'taken-out']],
    [
      'disabled alone since the pack ordered',
      pack({ ordered: { b: { generation: 1, sequence: 1 } } }),
      [view('a'), view('b', 'disabled', 1, 2)],
      'enabled',
      ['order', 'taken-out'],
    ],
    [
      'disabled by the pack itself',
      pack({ ordered: { b: { generation: 1, sequence: 2 } } }),
      [view('a'), view('b', 'disabled', 1, 2)],
      'enabled',
      ['order', 'order'],
    ],
    [
      'enabled alone: put back',
      pack({ out: ['b'], ordered: { b: { generation: 1, sequence: 2 } } }),
      [view('a'), view('b', 'enabled', 1, 4)],
      'enabled',
      ['order', 'order'],
    ],
    [
      'disabled before the pack was sold',
      pack(),
      [view('a', 'disabled', 1, 9), view('b')],
      'enabled',
      ['order', 'order'],
    ],
    [
      'a suspension is not lifted',
      pack(),
      [view('a', 'suspended'), view('b')],
      'enabled',
      ['suspended', 'order'],
    ],
    [
      'a suspended line is disabled',
      pack(),
      [view('a', 'suspended'), view('b', 'disabled')],
      'disabled',
      ['order', 'disabled-already'],
    ],
    ['terminated stays so', pack(), [view('a', 'terminated'), view('b')], 'enabled', ['terminated', 'order']],
  ])('%s', (_, given, views, service, expected) => {
    const steps = expandPack(given, views, service)
    expect(steps.map((step) => (step.act === 'order' ? 'order' : step.why))).toEqual(expected)
  })

  it('never orders a line that is out, and says something about every line', () => {
    const service = fc.constantFrom('enabled', 'disabled', 'suspended', 'terminated', undefined)
    const line = fc.record({ service, sequence: fc.nat(3), own: fc.option(fc.nat(3)), out: fc.boolean() })
    fc.assert(
      fc.property(
        fc.array(line, { minLength: 1, maxLength: 6 }),
        fc.constantFrom('enabled', 'disabled'),
        (lines, wanted) => {
          const ids = lines.map((_, i) => `l${i}`)
          const given = pack({
            lines: ids,
            out: ids.filter((_, i) => lines[i]!.out),
            ordered: Object.fromEntries(
              ids.flatMap((id, i) =>
                lines[i]!.own === null ? [] : [[id, { generation: 1, sequence: lines[i]!.own! }]],
              ),
            ),
          })
          const views = lines.map((each, i) => view(`l${i}`, each.service, 1, each.sequence))
          const out = linesOut(given, views)
          const steps = expandPack(given, views, wanted as 'enabled')
          expect(steps.map((step) => step.lineId)).toEqual(ids)
          for (const step of steps) if (out.includes(step.lineId)) expect(step.act).toBe('leave')
        },
      ),
    )
  })
})

describe('pack file', () => {
  it.each([
    ['not JSON', '{'],
    ['a list', '[]'],
    ['no lines', '{"pack":"p","lines":[]}'],
    ['the same line twice', '{"pack":"p","lines":["a","a"]}'],
    ['a topic for a line', '{"pack":"p","lines":["a/+"]}'],
    ['a stranger out', '{"pack":"p","lines":["a"],"out":["b"]}'],
    ['an unknown option', '{"pack":"p","lines":["a"],"line":"b"}'],
    ['broken numbers', '{"pack":"p","lines":["a"],"ordered":{"a":{"generation":"1"}}}'],
    ['null numbers', '{"pack":"p","lines":["a"],"ordered":{"a":null}}'],
  ])('refuses %s', (_, text) => {
    expect(() => parsePack(text, 'p.json')).toThrow(
      expect.objectContaining({ code: 'OPERATOR_PACK_INVALID' }),
    )
  })

  it('never throws anything else', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        try {
          parsePack(text, 'f')
        } catch (error) {
          expect(codeOf(error)).toBe('OPERATOR_PACK_INVALID')
        }
      }),
    )
  })
})

describe('pack commands', () => {
  let bench: CliBench
  let file: string
  const services = () => new Map(bench.modem.orders.map((order) => [order.lineId, order.service]))
  beforeEach(async () => {
    bench = new CliBench()
    await bench.start(['fixed-1', 'mobile-1', 'mobile-2'])
    file = join(bench.folder, 'pack.json')
    writeFileSync(file, JSON.stringify({ pack: 'family', lines: ['fixed-1', 'mobile-1', 'mobile-2'] }))
  })
  afterEach(() => bench.stop())

  it('orders every line', async () => {
    const { exit, out } = await bench.run('pack', 'enable', file, '--yes')
    expect(exit).toBe(0)
    expect(out).toMatch(/^fixed-1 {3}protecting\nmobile-1 {2}protecting\nmobile-2 {2}protecting\n$/)
  })

  it('dry run changes nothing; a confirmation names the number of lines', async () => {
    const before = readFileSync(file, 'utf8')
    expect((await bench.run('pack', 'enable', file, '--dry-run', '--json')).json().steps).toHaveLength(3)
    expect((await bench.run('pack', 'enable', file)).exit).toBe(2)
    bench.answer = 'no'
    expect((await bench.run('pack', 'enable', file)).exit).toBe(2)
    expect(bench.asked.at(-1)).toContain('3 lines')
    expect(bench.modem.orders).toEqual([])
    expect(readFileSync(file, 'utf8')).toBe(before)
    bench.answer = 'yes'
    expect((await bench.run('pack', 'enable', file)).exit).toBe(0)
  })

  it.each([
    ['pack take-out', 'pack put-back', (id: string) => [file, id]],
    ['line disable', 'line enable', (id: string) => [id]],
  ])('a line out by "%s" stays out until "%s"', async (out, back, where) => {
    await bench.run('pack', 'enable', file, '--yes')
    await bench.run(...out.split(' '), ...where('mobile-2'))
    const again = await bench.run('pack', 'enable', file, '--yes')
    expect(again.out).toContain('mobile-2  left alone: taken-out')
    expect(services().get('mobile-2')).toBe('disabled')
    expect((await bench.run('pack', 'disable', file, '--yes')).exit).toBe(0)
    await bench.run('pack', 'enable', file, '--yes')
    expect(services()).toEqual(
      new Map([
        ['fixed-1', 'enabled'],
        ['mobile-1', 'enabled'],
        ['mobile-2', 'disabled'],
      ]),
    )
    expect((await bench.run('pack', 'show', file)).out).toMatch(/mobile-2 +out +disabled/)
    await bench.run(...back.split(' '), ...where('mobile-2'))
    bench.modem.orders.length = 0
    await bench.run('pack', 'enable', file, '--yes')
    expect(services().get('mobile-2')).toBe('enabled')
    expect((await bench.run('pack', 'show', file, '--json')).json().out).toEqual([])
  })

  it('one silent line: the others are served, exit 4, and its order counts as the pack’s own', async () => {
    bench.modem.onOrder = (order) =>
      order.lineId === 'mobile-1' ? undefined : { outcome: 'applied', protecting: true }
    const { exit, out } = await bench.run('pack', 'enable', file, '--yes', '--timeout', '5')
    expect(exit).toBe(4)
    expect(out).toMatch(/mobile-1 {2}FAILED OPERATOR_TIMED_OUT/)
    expect(out).toMatch(/fixed-1 {3}protecting/)
    expect(JSON.parse(readFileSync(file, 'utf8'))).not.toHaveProperty('ordered')
    const known = await bench.register((register) => register.pack('family'))
    expect(known?.ordered['mobile-1']).toEqual({ generation: 1, sequence: 1 })
  })
})
