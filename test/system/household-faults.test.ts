/** What goes wrong with the module: the LAN resolves again through the stock resolver, with nobody having to act. */
import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { longTestLimitMs } from '../helpers/limits.ts'
import { addresses, Household, lacking, type Question, who } from './household-in-namespaces.ts'
import { bundle, leaseMs } from './interception-list.ts'
import { releaseAfter, releasedAfter } from './kills.ts'
import { Modem } from './modem.ts'

const kills = Number(process.env['SECURENET_KILLS'] ?? 20)
/** Each a household of its own: a kill is seven seconds of waiting. */
const killedAtOnce = 4
const missing = lacking(['ip', 'nft', 'dnsmasq', 'dig', 'setpriv', 'openssl', 'mosquitto'])
if (missing.length > 0)
  console.log(`skipped: faults of the module in namespaces: missing ${missing.join(', ')}`)

const blocked = addresses.service4

describe.skipIf(missing.length > 0)('faults of the module in namespaces', () => {
  const home = new Household()
  const modem = new Modem(home)
  let asker = ''

  const askLan = (more: Partial<Question> = {}) => home.ask('lan', { server: addresses.modem.lan4, ...more })
  beforeAll(async () => {
    await home.open()
    asker = await bundle(home, 'asker')
    await modem.protect(['who.example'])
  })
  afterAll(() => home.close())

  test('SIGKILL and SIGSTOP at random phases: the LAN is back within the lease and a second', {
    timeout: longTestLimitMs,
  }, async () => {
    await modem.stop()
    const others = Array.from({ length: Math.min(kills, killedAtOnce) - 1 }, () => new Household())
    try {
      const modems = [modem]
      for (const other of others) {
        await other.open()
        modems.push(modem.copyTo(other))
      }
      const homes = [home, ...others]
      for (const each of modems) await each.start()
      const share = (i: number) => Math.ceil((kills - i) / modems.length)
      const released = await Promise.all(
        modems.map((each, i) =>
          releasedAfter({ home: homes[i]!, modem: each, asker, count: share(i), blocked }),
        ),
      )
      const all = released.flat()
      const worst = Math.max(...all)
      console.log(
        `bundle: released after at most ${worst} ms; ${all.length} kills, fixed and random ports, ${modems.length} modems`,
      )
      expect(all).toHaveLength(kills)
      expect(worst).toBeLessThan(leaseMs + 1000)
    } finally {
      for (const other of others) await other.close()
    }
    await home.until(
      () => askLan(),
      (answer) => answer === blocked,
    )
  })

  test('an event loop that is blocked: the LAN is back within the lease and a second, and protection returns with it', async () => {
    await modem.stop()
    // Loaded before the bundle, into the same process: on the signal it computes for twelve seconds and hears nothing.
    const stall = home.write(
      'stall.cjs',
      "process.on('SIGUSR2', () => { const end = Date.now() + 12000; while (Date.now() < end); })",
    )
    await modem.start(modem.configFile, ['--require', stall])
    const ms = await releaseAfter({ home, asker, blocked }, () => modem.started!.child.kill('SIGUSR2'))
    console.log(`event loop blocked: released after ${ms} ms`)
    expect(ms).toBeLessThan(leaseMs + 1000)
    await home.until(
      () => askLan(),
      (answer) => answer === blocked,
    )
    await modem.stop()
    await modem.start()
  })

  test('a module that cannot start leaves the LAN alone and says why', async () => {
    await modem.stop()
    const wrong = modem.rewriteConfig({ dns: { listen: [{ address: '0.0.0.0', port: 53 }] } })
    const ran = home.attempt('modem', [process.execPath, modem.bundle, 'run', '--config', wrong])
    expect(ran.status).toBe(1)
    expect(ran.stderr).toMatch(/CONFIG_INVALID.*dns\.listen\.0\.address/)
    expect(await askLan()).toBe(who.stock)
  })

  test('a full data partition: it serves from what it has', async () => {
    await modem.stop()
    const small = `${modem.dataDir}-small`
    mkdirSync(small)
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=3m,mode=700,uid=65534,gid=65534', 'tmpfs', small])
    try {
      execFileSync('sh', [
        '-c',
        `cp -a ${modem.dataDir}/. ${small}/ && dd if=/dev/zero of=${small}/filler bs=64k 2>/dev/null; chown -R 65534:65534 ${small}`,
      ])
      await modem.start(modem.rewriteConfig({ dataDir: small }))
      await home.until(
        () => askLan(),
        (answer) => answer === blocked,
      )
      expect(await askLan({ name: 'true.example' })).toBe('203.0.113.80')
      await modem.stop()
      expect(await askLan()).toBe(who.stock)
    } finally {
      execFileSync('umount', ['-l', small])
    }
  })
})
