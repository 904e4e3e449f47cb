import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import dns2 from 'dns2'
import { build } from 'esbuild'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parseConfig } from '../../module/config/load.ts'
import { DemoUpstream, demoAnswer } from '../../scripts/household/demo-upstream.ts'
import { homePaths, prepareHome } from '../../scripts/household/home.ts'
import { moduleConfig } from '../../scripts/household/module-config.ts'
import { ModuleProcess } from '../../scripts/household/module-process.ts'
import { Parts } from '../../scripts/household/parts.ts'
import { parseUpstream, readSettings } from '../../scripts/household/settings.ts'
import { parseResolvConf } from '../../scripts/household/upstream.ts'
import { waitLimitMs } from '../helpers/limits.ts'
import { isAlive } from './household-bench.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'securenet-parts-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

describe('settings', () => {
  it('has the documented ports', () => {
    expect(readSettings({ SECURENET_HOME: '/x' })).toEqual({
      home: '/x',
      dnsPort: 5300,
      pagePort: 8053,
      mqttPort: 18_830,
    })
  })
  it.each([
    [{ SECURENET_DNS_PORT: '0' }],
    [{ SECURENET_PAGE_PORT: '65536' }],
    [{ SECURENET_MQTT_PORT: '-1' }],
    [{ SECURENET_MQTT_PORT: '5300' }],
    [{ SECURENET_UPSTREAM: '1.2.3' }],
  ])('refuses %j', (env) => {
    expect(() => readSettings(env)).toThrow(expect.objectContaining({ code: 'HOUSEHOLD_SETTING_INVALID' }))
  })
  it.each([
    ['192.0.2.1', '192.0.2.1', 53],
    ['192.0.2.1:5353', '192.0.2.1', 5353],
    ['2001:db8::1', '2001:db8::1', 53],
    ['[2001:db8::1]:5353', '2001:db8::1', 5353],
  ])('upstream %s', (text, address, port) => {
    expect(parseUpstream(text)).toEqual({ address, port })
  })
  it('never throws anything else on an upstream', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          parseUpstream(text)
        } catch (error) {
          expect(error).toMatchObject({ code: 'HOUSEHOLD_SETTING_INVALID' })
        }
      }),
    )
  })
  it('reads resolv.conf(5), whatever it holds', () => {
    expect(
      parseResolvConf(
        '# x\nnameserver 192.0.2.1\n  nameserver ::1 # own\nnameserver fe80::1%eth0\nsearch a.b\n',
      ),
    ).toEqual([
      { address: '192.0.2.1', port: 53 },
      { address: '::1', port: 53 },
    ])
  })
})

it('the module accepts the configuration that the household writes', () => {
  const config = moduleConfig({
    home: homePaths(folder),
    settings: readSettings({}),
    addresses: ['127.0.0.1', '::1'],
    upstream: { address: '192.0.2.53', port: 53 },
    brokerUrl: 'mqtt://127.0.0.1:18830',
    list: 'securenet',
  })
  expect(parseConfig(JSON.stringify(config)).dns.listen).toHaveLength(2)
})

describe('folder', () => {
  const stranger = expect.objectContaining({ code: 'HOUSEHOLD_HOME_FOREIGN' })
  it('begins anew at every start', () => {
    const home = prepareHome(folder)
    writeFileSync(join(home.keysDir, 'old'), '')
    expect(prepareHome(folder)).toEqual(home)
    expect(() => readFileSync(join(home.keysDir, 'old'))).toThrow(/ENOENT/)
  })
  it('empties nothing that is not a household’s', () => {
    mkdirSync(join(folder, 'keys'))
    writeFileSync(join(folder, 'keys', 'precious'), 'x')
    expect(() => prepareHome(folder)).toThrow(stranger)
    expect(readFileSync(join(folder, 'keys', 'precious'), 'utf8')).toBe('x')
  })
  it('refuses where another household runs, not where one has died', async () => {
    const other = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)', 'household'])
    await once(other, 'spawn')
    writeFileSync(join(folder, 'household.json'), JSON.stringify({ pid: other.pid }))
    expect(() => prepareHome(folder)).toThrow(expect.objectContaining({ code: 'HOUSEHOLD_RUNNING' }))
    other.kill('SIGKILL')
    await once(other, 'exit')
    expect(() => prepareHome(folder)).not.toThrow()
  })
  it('keeps the path of the control socket short enough for the system', () => {
    expect(homePaths(join(folder, 'x'.repeat(200))).runDir.length).toBeLessThan(80)
  })
})

describe('demo upstream', () => {
  it('answers over UDP and TCP on one port', async () => {
    const upstream = new DemoUpstream()
    const { address, port } = await upstream.start()
    const udp = dns2.UDPClient({ dns: address, port, timeout: waitLimitMs })
    const tcp = dns2.TCPClient({ dns: address, port })
    for (const ask of [udp, tcp]) {
      expect((await ask('a.example', 'A')).answers).toMatchObject([
        { name: 'a.example', address: '192.0.2.1' },
      ])
      expect((await ask('a.example', 'AAAA')).answers[0]?.address).toMatch(/^2001:0?db8/)
      expect(await ask('a.example', 'MX')).toMatchObject({ header: { rcode: 0 }, answers: [] })
    }
    await upstream.stop()
  })
  it('survives every packet', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => void demoAnswer(Buffer.from(bytes))))
  })
})

describe('the module as a process', () => {
  const script = 'process.stderr.write("up\\n"); setInterval(() => {}, 1000)'
  const options = (code: string) => {
    const said: string[] = []
    const gaveUp: Error[] = []
    const module = new ModuleProcess({
      command: [process.execPath, '-e', code],
      logFile: join(folder, 'log'),
      say: (line) => void said.push(line),
      giveUp: (error) => void gaveUp.push(error),
    })
    return { module, said, gaveUp }
  }
  const ups = () => readFileSync(join(folder, 'log'), 'utf8').split('up').length - 1

  it('is started again a second after it died', async () => {
    const { module, said } = options(`${script}; setTimeout(() => process.kill(process.pid, 'SIGKILL'), 50)`)
    module.start()
    module.served()
    await expect.poll(ups).toBeGreaterThanOrEqual(2)
    expect(said[0]).toMatch(/SIGKILL.*started again in 1 s/)
    await module.stop()
    const count = ups()
    // Longer than its pause. For what must not come: a slow machine fails no sooner.
    await new Promise((resolve) => setTimeout(resolve, 1300))
    expect(ups()).toBe(count)
  })

  it('is killed where SIGTERM is not obeyed', async () => {
    const { module } = options(`process.on('SIGTERM', () => {}); ${script}`)
    module.start()
    await expect.poll(ups).toBe(1)
    const start = performance.now()
    await module.stop()
    expect(performance.now() - start).toBeGreaterThan(2900)
  })

  it('is given up where it never starts, with its last words', async () => {
    const { module, gaveUp } = options('console.error("no such option"); process.exit(3)')
    module.start()
    await expect.poll(() => gaveUp.length).toBe(1)
    expect(gaveUp[0]?.message).toMatch(/ended with code 3.*no such option/s)
    await module.stop()
  })
})

describe('guardian', () => {
  /** A household of two lines: it has a guardian watch a process, and is then killed or ends in order. */
  const runHousehold = async (last: string) => {
    const guarded = spawn('sleep', ['60'])
    const bundle = join(folder, 'guardian.mjs')
    const entry = join(import.meta.dirname, '../../scripts/household/guardian.ts')
    await build({ entryPoints: [entry], outfile: bundle, bundle: true, format: 'esm', platform: 'node' })
    const code = `import { Guardian } from ${JSON.stringify(bundle)}
      const guardian = new Guardian()
      guardian.start()
      guardian.watch(${guarded.pid})
      ${last}`
    await once(spawn(process.execPath, ['--input-type=module', '-e', code]), 'exit')
    return guarded
  }

  it('stops the module of a household that was killed', async () => {
    const guarded = await runHousehold(`setTimeout(() => process.kill(process.pid, 'SIGKILL'), 100)`)
    await expect.poll(() => isAlive(guarded.pid!)).toBe(false)
  })

  it('stops nothing where the household ends in order', async () => {
    const guarded = await runHousehold('await guardian.stop()')
    expect(isAlive(guarded.pid!)).toBe(true)
    guarded.kill('SIGKILL')
  })
})

it('parts are stopped in reverse, all of them, once', async () => {
  const parts = new Parts()
  const order: number[] = []
  for (const n of [1, 2, 3])
    parts.add({
      stop: async () => {
        order.push(n)
        if (n === 2) throw new Error('x')
      },
    })
  await Promise.all([parts.stop(), parts.stop()])
  expect(order).toEqual([3, 2, 1])
})
