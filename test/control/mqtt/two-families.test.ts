// A broker of two families, of which one is dead and the other slow: Node alone gives each address 250 ms.
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { messageOf } from '../../../module/base/error.ts'
import { waitLimitMs } from '../../helpers/limits.ts'

const space = `sn-families-${process.pid}`
const hosts = `/etc/netns/${space}`
const canMakeNetworks =
  process.getuid?.() === 0 &&
  spawnSync('nft', ['--version']).status === 0 &&
  spawnSync('ip', ['-V']).status === 0
if (!canMakeNetworks) console.log('skipped: a broker of two families (root, ip and nft are needed)')

/** Drops what goes to the dead address, and the first SYN of each connection to the other: it takes a second. */
const rules = (dead: string, slow: string) => `
flush ruleset
table inet slow {
  set asked { type inet_service; flags dynamic; timeout 1m; }
  chain in {
    type filter hook input priority 0;
    ${dead} drop
    ${slow} tcp flags & (syn | ack) == syn tcp sport @asked accept
    ${slow} tcp flags & (syn | ack) == syn add @asked { tcp sport } drop
  }
}`

const program = `
import { createServer } from 'node:net'
import { openBroker } from './module/control/mqtt/transport.ts'
createServer().listen(1883, '::', async () => {
  const stream = (await openBroker({ url: 'mqtt://broker.test:1883' }))()
  stream.on('connect', () => { console.log('connected to', stream.remoteAddress); process.exit() })
  stream.on('error', (error) => { console.log('failed', error.code); process.exit() })
})`

describe.skipIf(!canMakeNetworks)('the connection to the broker', () => {
  const folder = mkdtempSync(join(tmpdir(), 'securenet-families-'))
  const inside = (...command: string[]) =>
    execFileSync('ip', ['netns', 'exec', space, ...command], { encoding: 'utf8', timeout: waitLimitMs })

  beforeAll(() => {
    execFileSync('ip', ['netns', 'add', space])
    mkdirSync(hosts, { recursive: true })
    writeFileSync(join(hosts, 'hosts'), 'fd99::1 broker.test\n10.99.0.1 broker.test\n')
    inside('ip', 'link', 'set', 'lo', 'up')
    inside('ip', 'address', 'add', '10.99.0.1/32', 'dev', 'lo')
    inside('ip', 'address', 'add', 'fd99::1/128', 'dev', 'lo', 'nodad')
  })
  afterAll(() => {
    execFileSync('ip', ['netns', 'del', space])
    rmSync(hosts, { recursive: true, force: true })
    rmSync(folder, { recursive: true, force: true })
  })

  it.each([
    ['10.99.0.1', 'ip6 daddr fd99::1', 'ip daddr 10.99.0.1'],
    ['fd99::1', 'ip daddr 10.99.0.1', 'ip6 daddr fd99::1'],
  ])('comes about by %s, slow as it is, where the other is dead', async (address, dead, slow) => {
    writeFileSync(join(folder, 'rules'), rules(dead, slow))
    inside('nft', '-f', join(folder, 'rules'))
    const outfile = join(folder, 'open.cjs')
    await build({
      stdin: { contents: program, resolveDir: resolve(import.meta.dirname, '../../..'), loader: 'ts' },
      ...{ bundle: true, format: 'cjs', platform: 'node', target: 'node20', outfile },
    })
    expect(inside(process.execPath, outfile)).toBe(`connected to ${address}\n`)
  })
})

describe('an error of several tries', () => {
  it('says what each was', () => {
    const tries = ['connect ETIMEDOUT [fd99::1]:8883', 'connect ECONNREFUSED 10.99.0.1:8883'].map(
      (text) => new Error(text),
    )
    expect(messageOf(new AggregateError(tries))).toBe(
      'connect ETIMEDOUT [fd99::1]:8883; connect ECONNREFUSED 10.99.0.1:8883',
    )
    expect(messageOf(new AggregateError(tries, 'all'))).toMatch(/^all: connect ETIMEDOUT/)
    expect(messageOf(new AggregateError([], 'none'))).toBe('none')
  })
})
