import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import type { Finding } from '../../scripts/operator/broker-check/check.ts'
import { makeCertificates, mosquittoMissing, startAedes } from '../control/broker.ts'
import { CliBench } from './cli-bench.ts'
import { closeAfterEach, closers, mosquitto } from './mosquitto.ts'

closeAfterEach()
const timeout = 120_000

async function benchAt(url: string): Promise<CliBench> {
  const bench = new CliBench()
  await bench.start([], url)
  closers.push(() => bench.stop())
  return bench
}

async function checked(bench: CliBench, ...args: string[]) {
  const { exit, out } = await bench.run('broker', 'check', '--json', '--broker-timeout', '5', ...args)
  const [first, error] = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  const findings = new Map((first.findings as Finding[]).map((each) => [each.what, each]))
  const of = (verdict: string) =>
    [...findings.values()].filter((each) => each.verdict === verdict).map(({ what }) => what)
  return { exit, findings, missing: of('missing'), weak: of('weak'), error }
}

it.skipIf(mosquittoMissing)(
  'a default mosquitto: its queue is short, and nothing is missing; nothing is left behind',
  { timeout },
  async () => {
    const url = await mosquitto()
    const bench = await benchAt(url)
    const { exit, missing, weak, findings } = await checked(bench)
    expect({ exit, missing }).toEqual({ exit: 0, missing: [] })
    expect(weak).toContain('retained, 1200 by wildcard')
    expect(findings.get('retained, 1200 by wildcard')?.found).toMatch(/^1?\d{3} of 1200$/)
    expect(findings.get('shared subscriptions')?.verdict).toBe('ok')
    expect(findings.get('last will, retained')?.verdict).toBe('ok')
    expect(findings.get('modem: access list')?.verdict).toBe('not tried')
    const left: string[] = []
    await bench.other(async (broker) => {
      await broker.follow('#', (topic, payload) => payload.length > 0 && left.push(topic))
      await broker.read('test/none')
    })
    expect(left).toEqual([])
  },
)

it('the embedded broker, MQTT 3.1.1', { timeout }, async () => {
  const aedes = await startAedes()
  closers.push(() => aedes.stop())
  const { exit, weak, missing } = await checked(await benchAt(aedes.broker.url))
  expect({ exit, missing }).toEqual({ exit: 0, missing: [] })
  expect(weak).toEqual(expect.arrayContaining(['MQTT version', 'shared subscriptions']))
})

it.skipIf(mosquittoMissing)('a limit below a chunk is missing', { timeout }, async () => {
  const { exit, missing, error, findings } = await checked(
    await benchAt(await mosquitto({ config: ['max_packet_size 60000'] })),
  )
  expect({ exit, missing }).toEqual({ exit: 1, missing: ['retained, 64 KiB'] })
  expect(error.error.code).toBe('OPERATOR_BROKER_LACKS')
  expect(findings.get('retained, 64 KiB')?.found).toContain('60000')
})

/** As docs/operating.md has it. */
const acl = `
user operator
topic readwrite securenet/v1/#

pattern read securenet/v1/modem/%u/request
pattern write securenet/v1/modem/%u/response
pattern readwrite securenet/v1/modem/%u/presence
pattern write securenet/v1/modem/%u/telemetry
pattern read securenet/v1/fleet
pattern read securenet/v1/keys/+
pattern read securenet/v1/list/#

user m1
topic read securenet/v1/line/l1/desired
topic write securenet/v1/line/l1/reported
topic write securenet/v1/line/l1/event
`

it.skipIf(mosquittoMissing)(
  'an access list for a modem: right, too narrow, too wide',
  { timeout },
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'securenet-check-'))
    closers.push(() => rmSync(folder, { recursive: true }))
    const { ca, files } = makeCertificates(folder, ['m1', 'operator'])
    const [cert, key] = files('broker') as [string, string]
    const [certFile, keyFile] = files('operator') as [string, string]
    const [modemCert, modemKey] = files('m1') as [string, string]
    const modem = ['--modem', 'm1', '--line', 'l1', '--modem-cert', modemCert, '--modem-key', modemKey]
    const withAcl = async (text: string) => {
      const url = await mosquitto({ acl: text, tls: { ca, cert, key } })
      const bench = new CliBench()
      bench.url = url
      bench.profile({ url, caFile: ca, certFile, keyFile })
      closers.push(() => rmSync(bench.folder, { recursive: true }))
      return checked(bench, ...modem)
    }
    expect(await withAcl(acl)).toMatchObject({ exit: 0, missing: [] })
    const narrow = acl
      .replace('topic read securenet/v1/line/l1/desired\n', '')
      .replace('pattern read securenet/v1/fleet\n', '')
    expect(await withAcl(narrow)).toMatchObject({
      exit: 1,
      missing: ['modem: reads its line’s order', 'modem: reads the fleet order'],
    })
    const wide = `${acl}topic readwrite securenet/v1/line/#\n`
    expect((await withAcl(wide)).missing).toEqual([
      'modem: writes an order',
      'modem: reads another line’s order',
      'modem: reports for another line',
    ])
    const blind = acl.replace('topic readwrite securenet/v1/#', 'topic write securenet/v1/#')
    const { missing } = await withAcl(blind)
    expect(missing).toEqual(
      expect.arrayContaining(['retained, read singly', 'operator: orders', 'operator: requests']),
    )
  },
)
