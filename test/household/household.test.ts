import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { topics } from '../../module/control/mqtt/topics.ts'
import { openKeys } from '../../scripts/operator/keys.ts'
import { connectBroker } from '../../scripts/operator/mqtt/connect.ts'
import { claimsOf } from '../../scripts/operator/orders.ts'
import { loadProfile, type Profile } from '../../scripts/operator/profile.ts'
import { parseReported, type Reported } from '../../scripts/operator/reported.ts'
import { dig, HouseholdBench, hasIpv6, isAlive, processTree } from './household-bench.ts'

const pageAddress = '127.0.0.1'
const demoAddress = '192.0.2.1'
const unlisted = 'unlisted.example.com'
const listed = 'azukishop.live'

const house = new HouseholdBench()
let profile: Profile

beforeAll(async () => {
  await house.choosePorts()
  const { out, err } = await house.start()
  if (!/^ready/m.test(out)) throw new Error(`the household did not become ready:\n${out}\n${err}`)
  profile = loadProfile(join(house.home, 'operator.json'), {})
})
afterAll(() => house.stop())

async function reported(): Promise<Reported | undefined> {
  const broker = await connectBroker(profile)
  try {
    return parseReported(await broker.read(topics.reported('demo')), 'demo')
  } finally {
    await broker.close()
  }
}

/** What goes to the broker past the operator tool. */
async function publish(topic: string, payload: string | Buffer, retain = true): Promise<void> {
  const broker = await connectBroker(profile)
  await broker.publish(topic, payload, retain)
  await broker.close()
}

async function retained(topic: string): Promise<Buffer> {
  const broker = await connectBroker(profile)
  const payload = await broker.read(topic)
  await broker.close()
  if (!payload) throw new Error(`nothing is retained on ${topic}`)
  return payload
}

const refusal = async (kind: string) => (await reported())?.refusals?.find((entry) => entry.kind === kind)

describe('ready', () => {
  it('is the last block, with what to try: a command a line', () => {
    const lines = house.out
      .slice(house.out.search(/^ready/m))
      .trimEnd()
      .split('\n')
    expect(lines.at(-1)).toBe('Ctrl-C stops everything.')
    for (const command of [
      `dig -p ${house.ports.dns} @127.0.0.1 ${listed}`,
      `http://127.0.0.1:${house.ports.page}/`,
      'npm run operator -- line disable demo',
      'npm run securenet -- status',
    ])
      expect(lines).toContain(`    ${command}`)
  })

  it('says what happened before, once: list, connection, protection', () => {
    expect(house.out).not.toMatch(/dormant.*dormant|not yet.*not protecting/)
    for (const step of ['upstream', 'list', 'connected', 'protecting'])
      expect(house.out).toMatch(new RegExp(`^${step}`, 'm'))
  })
})

describe('DNS', () => {
  const servers = hasIpv6() ? ['127.0.0.1', '::1'] : ['127.0.0.1']
  it.each(
    servers.flatMap((server) => (['udp', 'tcp'] as const).map((transport) => [transport, server] as const)),
  )('a listed name is blocked and an unlisted one resolves over %s at %s', async (transport, server) => {
    expect((await house.resolve(listed, 'A', transport, server)).addresses).toEqual([pageAddress])
    expect((await house.resolve(`www.${listed}`, 'A', transport, server)).addresses).toEqual([pageAddress])
    expect(await house.resolve(listed, 'AAAA', transport, server)).toEqual({ rcode: 0, addresses: [] })
    expect((await house.resolve(unlisted, 'A', transport, server)).rcode).toBe(0)
    expect((await house.resolve(unlisted, 'A', transport, server)).addresses).not.toContain(pageAddress)
  })

  it('every name of eth-phishing-detect is blocked; addresses and single labels are none', async () => {
    const { default: config } = await import('eth-phishing-detect/src/config.json')
    const missed: string[] = []
    for (let at = 0; at < config.blacklist.length; at += 64)
      await Promise.all(
        config.blacklist.slice(at, at + 64).map(async (name) => {
          const { addresses } = await house.resolve(name)
          if (!addresses.includes(pageAddress)) missed.push(name)
        }),
      )
    expect(config.blacklist.length).toBe(13_752)
    expect(missed.filter((name) => !/^[\d.]+$|^[^.]+$/.test(name))).toEqual([])
    expect(missed.length).toBe(7)
  })

  it('dig sees the reason (RFC 8914 §4.5, Forged Answer)', () => {
    expect(dig('-p', String(house.ports.dns), '@127.0.0.1', listed)).toMatch(/EDE: 4 .*phishing/)
  })
})

describe('page', () => {
  it.each(['nl', 'fr', 'de', 'en'])('speaks %s', async (language) => {
    const page = await fetchPage(listed, language)
    expect(page.status).toBe(403)
    expect(page.text).toMatch(new RegExp(`<html[^>]* lang="?${language}`))
    expect(page.text).toContain(listed)
  })

  it('shows the status to whoever opens the address itself', async () => {
    expect((await fetchPage(`127.0.0.1:${house.ports.page}`, 'en')).status).toBe(200)
  })
})

async function fetchPage(host: string, language: string): Promise<{ status: number; text: string }> {
  const { request } = await import('node:http')
  const asked = request({
    host: '127.0.0.1',
    port: house.ports.page,
    headers: { host, 'accept-language': language, accept: 'text/html' },
  })
  asked.end()
  const [response] = await once(asked, 'response')
  let text = ''
  for await (const piece of response) text += piece
  return { status: response.statusCode, text }
}

describe('a second terminal', () => {
  it('npm run securenet -- status and check', async () => {
    const status = await house.run('securenet', 'status', '--json')
    expect(status.code).toBe(0)
    expect(() => JSON.parse(status.out)).not.toThrow()
    const check = await house.run('securenet', 'check', listed, '--json')
    expect(JSON.stringify(JSON.parse(check.out))).toContain('phishing')
  })

  it('npm run operator -- list status, line show', async () => {
    expect(JSON.parse((await house.run('operator', 'list', 'status', '--json')).out).head.stable.names).toBe(
      // Without what is no name and what a listed name above it covers; with the test names.
      13_752 - 7 - 812 + 6,
    )
    const line = JSON.parse((await house.run('operator', 'line', 'show', 'demo', '--json')).out)
    expect(line).toMatchObject({ desired: { service: 'enabled' }, reported: { protecting: true } })
  })

  it('disable and enable are seen in DNS, 20 times', async () => {
    const worst = { disable: 0, enable: 0 }
    for (let trial = 0; trial < 10; trial++)
      for (const [verb, address] of [
        ['disable', demoAddress],
        ['enable', pageAddress],
      ] as const) {
        const published = nextOrder()
        const done = house.run('operator', 'line', verb, 'demo', '--json')
        const at = await published
        await house.until(listed, address)
        const ms = performance.now() - at
        worst[verb] = Math.max(worst[verb], ms)
        expect((await done).code).toBe(0)
      }
    console.log(
      `first fresh answer after the order, worst of 20: disable ${Math.round(worst.disable)} ms, enable ${Math.round(worst.enable)} ms`,
    )
  })
})

/** @returns when the next order reaches the broker's subscribers */
async function nextOrder(): Promise<number> {
  const broker = await connectBroker(profile)
  const before = await broker.read(topics.desired('demo'))
  const at = await new Promise<number>((resolve) => {
    void broker.follow(topics.desired('demo'), (_topic, payload) => {
      if (!before?.equals(payload)) resolve(performance.now())
    })
  })
  await broker.close()
  return at
}

describe('what is refused, with the last good state serving', () => {
  const stillProtects = async () => expect((await house.resolve(listed)).addresses).toEqual([pageAddress])
  const newRefusal = async (kind: string, act: () => Promise<void>) => {
    const before = (await refusal(kind))?.count ?? 0
    await act()
    await expect.poll(async () => (await refusal(kind))?.count ?? 0).toBeGreaterThan(before)
    return (await refusal(kind))?.code
  }

  it('an order whose payload was changed', async () => {
    const good = (await retained(topics.desired('demo'))).toString()
    const [head, payload, signature] = good.split('.') as [string, string, string]
    const claims = { ...(claimsOf(good) as object), service: 'disabled', reason: 'customer', sequence: 1e6 }
    const changed = `${head}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.${signature}`
    expect(payload).not.toBe('')
    expect(await newRefusal('desired', () => publish(topics.desired('demo'), changed))).toMatch(/^DOC_/)
    await stillProtects()
    await publish(topics.desired('demo'), good)
  })

  it('an order for another line', async () => {
    const { sign } = await openKeys(profile)
    const good = await retained(topics.desired('demo'))
    const claims = claimsOf(good) as Parameters<typeof sign<'desired'>>[1]
    const other = await sign('desired', {
      ...claims,
      lineId: 'other',
      service: 'disabled',
      reason: 'customer',
      sequence: 1e6,
    })
    expect(await newRefusal('desired', () => publish(topics.desired('demo'), other))).toMatch(/^[A-Z]+_/)
    await stillProtects()
    await publish(topics.desired('demo'), good)
  })

  it('an older order, and one replayed', async () => {
    const { sign } = await openKeys(profile)
    const good = await retained(topics.desired('demo'))
    const claims = claimsOf(good) as Parameters<typeof sign<'desired'>>[1]
    const older = await sign('desired', { ...claims, service: 'disabled', reason: 'customer', sequence: 0 })
    await publish(topics.desired('demo'), older)
    await expect.poll(async () => (await reported())?.outcome).toMatch(/ignored|rejected/)
    expect(await reported()).toMatchObject({ protecting: true, sequence: claims.sequence })
    await publish(topics.desired('demo'), good)
    await expect.poll(async () => (await reported())?.outcome).toBe('repeated')
    await stillProtects()
  })

  it('a list head whose payload was changed', async () => {
    const list = profile.list ?? 'securenet'
    const good = (await retained(topics.head(list))).toString()
    const [head, , signature] = good.split('.') as [string, string, string]
    const claims = claimsOf(good) as { sequence: number; allow: string[] }
    const changed = { ...claims, sequence: claims.sequence + 1, allow: [listed] }
    const forged = `${head}.${Buffer.from(JSON.stringify(changed)).toString('base64url')}.${signature}`
    expect(await newRefusal('head', () => publish(topics.head(list), forged))).toMatch(/^DOC_/)
    await stillProtects()
    await publish(topics.head(list), good)
  })

  it('a chunk of other bytes under a head that is rightly signed', async () => {
    const list = profile.list ?? 'securenet'
    const { sign } = await openKeys(profile)
    const claims = claimsOf(await retained(topics.head(list))) as Parameters<typeof sign<'head'>>[1]
    const { stable, sequence } = claims
    const tampered = Buffer.from(await retained(topics.snapshot(list, stable.version, 0)))
    tampered[tampered.length - 1]! ^= 1
    await publish(topics.snapshot(list, stable.version + 1, 0), tampered)
    const next = { ...stable, version: stable.version + 1, deltas: [] }
    await publish(topics.head(list), await sign('head', { ...claims, sequence: sequence + 1, stable: next }))
    await expect.poll(async () => (await reported())?.list?.code).toBe('LIST_CHUNK_BAD')
    expect(await reported()).toMatchObject({ protecting: true, list: { version: stable.version } })
    await stillProtects()
    await publish(topics.head(list), await sign('head', { ...claims, sequence: sequence + 2 }))
  })

  it('an unsigned request', async () => {
    const bare = JSON.stringify({ v: 1, id: 'x', modemId: 'demo-modem', action: 'status' })
    expect(await newRefusal('request', () => publish(topics.request('demo-modem'), bare, false))).toMatch(
      /^[A-Z]+_/,
    )
  })
})

describe('when it dies', () => {
  it('kill -9 of the module: started again, and protecting', async () => {
    const pid = house.modulePid
    const killed = performance.now()
    process.kill(pid, 'SIGKILL')
    await expect.poll(() => isAlive(pid)).toBe(false)
    await house.until(listed, pageAddress)
    const total = performance.now() - killed
    console.log(`blocked again ${Math.round(total)} ms after kill -9 (1 s of it procd's wait)`)
    expect(house.modulePid).not.toBe(pid)
    expect(house.out).toMatch(/module .*SIGKILL.*started again/)
  })

  it('a second household on the same ports says which port, and the first goes on', async () => {
    const second = await house.run('household')
    expect(second.code).toBe(1)
    expect(second.err).toMatch(new RegExp(`DNS port ${house.ports.dns}.*in use`))
    expect(second.err).toContain('SECURENET_DNS_PORT')
    expect((await house.resolve(listed)).addresses).toEqual([pageAddress])
  })

  it('Ctrl-C leaves nothing running, and the module then protects without any backend', async () => {
    const tree = processTree(house.child?.pid ?? 0)
    expect(tree.length).toBeGreaterThanOrEqual(2)
    expect(await house.interrupt()).toBe(0)
    await expect.poll(() => tree.filter(isAlive)).toEqual([])
    const config = join(house.home, 'modem', 'config.json')
    const alone = house.spawn(['securenet', 'run', '--config', config])
    const ms = await house.until(listed, pageAddress)
    console.log(`without a backend: blocked ${Math.round(ms)} ms after the start of run.mjs`)
    const gone = once(alone, 'exit')
    alone.kill('SIGTERM')
    await gone
  })

  it('SIGKILL of the household: its module does not outlive it', async () => {
    await house.start()
    expect(house.out).toMatch(/^ready/m)
    const pid = house.modulePid
    await house.interrupt('SIGKILL')
    await expect.poll(() => isAlive(pid)).toBe(false)
    expect(readFileSync(join(house.home, 'modem', 'module.log'), 'utf8')).not.toBe('')
  })
})

describe('what a person is told', () => {
  it.each([
    ['dns', 'SECURENET_DNS_PORT'],
    ['page', 'SECURENET_PAGE_PORT'],
    ['mqtt', 'SECURENET_MQTT_PORT'],
  ] as const)('%s port in use', async (which, variable) => {
    const other = new HouseholdBench()
    await other.choosePorts()
    const taken = createServer().listen(other.ports[which], '127.0.0.1')
    await once(taken, 'listening')
    const { code, err } = await other.start()
    taken.close()
    expect(code).toBe(1)
    expect(err).toContain(`port ${other.ports[which]}`)
    expect(err).toContain(variable)
    await other.stop()
  })

  it.each<[string, NodeJS.ProcessEnv, RegExp]>([
    ['a port that is none', { SECURENET_DNS_PORT: 'dns' }, /SECURENET_DNS_PORT="dns" is not a port/],
    [
      'an upstream that is none',
      { SECURENET_UPSTREAM: 'resolver.example' },
      /SECURENET_UPSTREAM="resolver.example"/,
    ],
    ['a folder that cannot be', { SECURENET_HOME: '/dev/null/house' }, /\/dev\/null\/house.*SECURENET_HOME/s],
    ['a folder with other things', { SECURENET_HOME: '/etc' }, /\/etc is not empty and not a household/],
  ])('%s', async (_, env, message) => {
    const other = new HouseholdBench()
    await other.choosePorts()
    const { code, err } = await other.start(env)
    expect(code).toBe(1)
    expect(err).toMatch(message)
    await other.stop()
  })
})
