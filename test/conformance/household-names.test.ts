import { type ChildProcess, spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../module/base/clock.ts'
import { LocalNetworks } from '../../module/base/local-networks.ts'
import { parseConfig } from '../../module/config/load.ts'
import { nameToText } from '../../module/dns/name.ts'
import { PENDING, Query } from '../../module/query/query.ts'
import { createQueryCounts, createQueryPipeline } from '../../module/query-pipeline.ts'
import { ModemUpstream } from '../../module/upstream/modem-upstream.ts'
import { freePort } from '../../scripts/free-port.ts'
import { queryFor } from '../helpers/hostile-upstream.ts'
import { waitLimitMs } from '../helpers/limits.ts'
import { decode } from '../helpers/zone-text.ts'

/*
 * A household's configuration of its own resolver, asked straight and through the chain: the same answers but for what is
 * blocked. Behind the resolver stands a server that answers everything with AA, also where recursion was not desired: no
 * stranger's server could do more, and no recursive resolver of an operator does as much.
 */

const log = { debug() {}, info() {}, warn() {}, error() {} }
const folder = mkdtempSync(join(tmpdir(), 'securenet-household-'))
const children: ChildProcess[] = []
const answers: Readonly<Record<string, number[]>> = {
  'evil.example.net': [192, 168, 66, 6],
  'www.example.net': [203, 0, 113, 80],
  'x.plex.direct': [192, 168, 1, 5],
  'ads.example.net': [0, 0, 0, 0],
}
const stranger = createSocket('udp4')
let strangerPort = 0

function strangerReply(question: Buffer): Buffer {
  const name = nameToText(question, 12).toLowerCase()
  const end = question.indexOf(0, 12) + 5
  const address = question.readUInt16BE(end - 4) === 1 ? answers[name] : undefined
  const head = Buffer.from(question.subarray(0, end))
  head.writeUInt16BE(0x8480 | (question.readUInt16BE(2) & 0x0100), 2)
  head.writeUInt16BE(address ? 1 : 0, 6)
  head.writeUInt32BE(0, 8)
  if (!address) return head
  // TTL 0: no cache of the stock resolver stands between.
  return Buffer.concat([head, Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, ...address])])
}

beforeAll(async () => {
  stranger.on('message', (question, { port, address }) =>
    stranger.send(strangerReply(question), port, address),
  )
  await new Promise<void>((resolve) => stranger.bind(0, '127.0.0.1', resolve))
  strangerPort = stranger.address().port
})
afterAll(() => {
  for (const child of children) child.kill('SIGKILL')
  stranger.close()
  rmSync(folder, { recursive: true })
})

function straight(port: number, question: Buffer, limitMs = waitLimitMs): Promise<Buffer | null> {
  const socket = createSocket('udp4')
  let timer: NodeJS.Timeout | undefined
  return new Promise<Buffer | null>((resolve) => {
    timer = setTimeout(() => resolve(null), limitMs)
    socket.on('error', () => {})
    socket.on('message', resolve)
    socket.send(question, port, '127.0.0.1')
  }).finally(() => {
    clearTimeout(timer)
    socket.close()
  })
}

async function run(program: string, args: string[], port: number): Promise<void> {
  children.push(spawn(program, args, { stdio: 'ignore' }))
  const end = performance.now() + waitLimitMs
  while (performance.now() < end) if (await straight(port, queryFor('nas.home'), 200)) return
  throw new Error(`${program} does not answer`)
}

async function dnsmasq(...more: string[]): Promise<number> {
  const port = await freePort()
  const own = ['--domain=home', '--host-record=nas.home,192.168.1.20', '--cname=www.home,nas.home']
  const split = ['--address=/cloud.example.org/192.168.1.10', '--host-record=printer.corp.local,192.168.1.30']
  const args = [
    '-k',
    '-C',
    '/dev/null',
    '-h',
    '-R',
    '-p',
    String(port),
    '-a',
    '127.0.0.1',
    '-z',
    '--user=root',
    '-x',
    '',
  ]
  await run(
    '/usr/sbin/dnsmasq',
    [
      ...args,
      `--server=127.0.0.1#${strangerPort}`,
      ...own,
      ...split,
      '--rebind-domain-ok=plex.direct',
      ...more,
    ],
    port,
  )
  return port
}

async function unbound(): Promise<number> {
  const port = await freePort()
  const file = join(folder, 'unbound.conf')
  const data = [
    'nas.home. A 192.168.1.20',
    'cloud.example.org. A 192.168.1.10',
    'printer.corp.local. A 192.168.1.30',
  ]
  writeFileSync(
    file,
    `server:
interface: 127.0.0.1
port: ${port}
username: ""
chroot: ""
pidfile: ""
use-syslog: no
module-config: "iterator"
do-not-query-localhost: no
local-zone: "corp.local." transparent
${data.map((record) => `local-data: "${record}"`).join('\n')}
forward-zone:
name: "."
forward-addr: 127.0.0.1@${strangerPort}
remote-control:
control-enable: no
`,
  )
  await run('/usr/sbin/unbound', ['-d', '-c', file], port)
  return port
}

type Household = Partial<ReturnType<typeof parseConfig>['dns']['household']>

/** The chain as the module puts it together, in front of the stock resolver on `port`. */
async function chainTo(port: number, household: Household) {
  const config = parseConfig(
    JSON.stringify({
      ...{ modemId: 'm', dataDir: folder, runDir: folder, lines: [{ id: 'm' }], trust: { rootsFile: 'r' } },
      dns: { listen: [{ address: '127.0.0.1', port: 5353 }], household },
      page: { listen: [{ address: '127.0.0.1', port: 8053 }], ipv4: '198.18.53.53' },
      upstream: { servers: [{ address: '127.0.0.1', port }] },
    }),
  )
  const policy = { filtering: true, revision: 1, verdict: () => -1, exempt: () => false }
  const clock = systemClock
  const networks = new LocalNetworks({ clock })
  const upstream = new ModemUpstream({ ...config.upstream, networks, sharedBy: 1, clock, log })
  await upstream.start()
  const counts = createQueryCounts(config, clock, () => undefined)
  const { handle } = createQueryPipeline({ config, policy, upstream, counts, networks, clock })
  const ask = (question: Buffer): Promise<Buffer> =>
    new Promise((resolve, reject) => {
      const query = new Query(question, '192.168.1.77', 'udp')
      query.respond = (reply) => resolve(Buffer.from(reply))
      const outcome = handle(query)
      if (outcome instanceof Buffer) resolve(outcome)
      else if (outcome !== PENDING) reject(new Error('dropped'))
    })
  return { ask, stop: () => upstream.stop() }
}

function said(reply: Buffer | null): string {
  if (!reply) return 'nothing'
  const { rcode, sections } = decode(reply)
  return `${rcode} ${sections[0].map(({ text }) => text.replace(/ \d+ /, ' ')).join(', ')}`
}

async function bothOf(port: number, household: Household, names: readonly string[]) {
  const chain = await chainTo(port, household)
  try {
    const found: [name: string, straight: string, through: string][] = []
    for (const name of names)
      found.push([name, said(await straight(port, queryFor(name))), said(await chain.ask(queryFor(name)))])
    return found
  } finally {
    await chain.stop()
  }
}

/** Every one is the same on both ways, and is an address. */
function expectSame(found: Awaited<ReturnType<typeof bothOf>>): void {
  for (const [name, straightly, through] of found) {
    expect(straightly, name).toMatch(/ A \d/)
    expect(through, name).toBe(straightly)
  }
}

const ownNames = ['nas.home', 'NAS.home', 'cloud.example.org', 'nas.home']

describe.skipIf(!existsSync('/usr/sbin/dnsmasq'))('dnsmasq', () => {
  let port = 0
  beforeAll(async () => {
    port = await dnsmasq()
  })

  it('passes AA on from a stranger’s server, with and without RD: what the module has to do with', async () => {
    for (const flags of [0x0100, 0]) {
      const question = queryFor('evil.example.net')
      question.writeUInt16BE(flags, 2)
      expect((await straight(port, question))!.readUInt16BE(2) & 0x0400).toBe(0x0400)
    }
  })

  it('its own names are answered though no configuration was handed over', async () => {
    const names = [...ownNames, 'www.home', 'x.cloud.example.org', 'www.example.net', 'ads.example.net']
    expectSame(await bothOf(port, {}, names))
  })

  it('all that its configuration says is answered where it was handed over', async () => {
    const household = {
      zones: ['cloud.example.org'],
      hosts: ['nas.home', 'www.home', 'printer.corp.local'],
      asked: ['home', 'plex.direct'],
    }
    expectSame(
      await bothOf(port, household, [...ownNames, 'www.home', 'x.plex.direct', 'printer.corp.local']),
    )
  })

  it('a stranger’s name with a private address is held, whatever AA its server sets, also while others ask', async () => {
    const chain = await chainTo(port, {})
    const others = Array.from({ length: 50 }, (_, i) => straight(port, queryFor(`n${i}.example.net`)))
    const held = await Promise.all(
      ['evil.example.net', 'EVIL.example.net', 'evil.example.net'].map((name) => chain.ask(queryFor(name))),
    )
    for (let i = 0; i < 20; i++) held.push(await chain.ask(queryFor('evil.example.net')))
    await Promise.all(others)
    await chain.stop()
    for (const reply of held) expect(said(reply)).toBe('0 ')
  })

  it('where it holds private addresses back itself, ours is not stricter', async () => {
    const strict = await dnsmasq('--stop-dns-rebind')
    const household = { rebindProtection: true }
    expectSame(await bothOf(strict, household, [...ownNames, 'x.plex.direct']))
    const [[, straightly, through]] = (await bothOf(strict, household, ['evil.example.net'])) as [
      [string, string, string],
    ]
    expect(straightly).toBe('0 ')
    expect(through).toBe('0 ')
  })
})

describe.skipIf(!existsSync('/usr/sbin/unbound'))('unbound', () => {
  let port = 0
  beforeAll(async () => {
    port = await unbound()
  })

  it('its own names are answered though no configuration was handed over', async () => {
    expectSame(await bothOf(port, {}, [...ownNames, 'www.example.net', 'ads.example.net']))
    expectSame(await bothOf(port, { hosts: ['printer.corp.local'] }, ['printer.corp.local']))
  })

  it('keeps AA to itself, and a stranger’s private address is held', async () => {
    const reply = await straight(port, queryFor('evil.example.net'))
    expect(reply!.readUInt16BE(2) & 0x0400).toBe(0)
    const [[, straightly, through]] = (await bothOf(port, {}, ['evil.example.net'])) as [
      [string, string, string],
    ]
    expect(straightly).toBe('0 evil.example.net A 192.168.66.6')
    expect(through).toBe('0 ')
  })
})
