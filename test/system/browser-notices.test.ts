/** What a page cannot show: notices over MQTT, and the explanation of a verdict, through the built module. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { validate } from '../../module/control/schemas/event.json?compiled'
import { addresses, Household, lacking, type Started } from './household-in-namespaces.ts'
import { lines, Modem } from './modem.ts'

const missing = lacking([
  ...['ip', 'nft', 'dnsmasq', 'dig', 'setpriv', 'openssl', 'mosquitto', 'mosquitto_sub', 'stdbuf', 'curl'],
])
if (missing.length > 0) console.log(`skipped: notices in namespaces: missing ${missing.join(', ')}`)

const listed = 'phish.example.com'

describe.skipIf(missing.length > 0)('what a page cannot show', () => {
  const home = new Household()
  home.answers = [
    `--host-record=cdn.${listed},203.0.113.82`,
    `--cname=www.innocent.example,cdn.${listed}`,
    '--address=/other.example/203.0.113.80',
  ]
  const modem = new Modem(home)
  let watch: Started

  beforeAll(async () => {
    await home.open()
    await modem.prepare([listed, 'second.example.com'])
    await modem.start()
    const { certFile, keyFile } = modem.broker!.identity('operator')
    const { caFile } = modem.broker!
    watch = home.start('backend', [
      ...['stdbuf', '-oL', 'mosquitto_sub', '-d', '-h', addresses.backend4, '-p', '8883', '--cafile', caFile],
      ...['--cert', certFile, '--key', keyFile, '-q', '1'],
      ...['-t', 'securenet/v1/line/+/event', '-F', 'event %t %p'],
    ])
    await watch.line((line) => line.includes('SUBACK'))
    modem.operator('line', 'enable', lines.fixed)
  })
  afterAll(() => home.close())

  const events = () => watch.lines.filter((line) => line.startsWith('event '))
  const ask = (name: string, type = 'A') => home.ask('lan', { server: addresses.public4, name, type })

  test('none without `notices` in the order', async () => {
    expect(await ask(listed)).toBe(addresses.service4)
    // The report of a later order, on the same connection, comes after what would have been sent.
    expect(modem.operator('line', 'enable', lines.fixed, '--notices', '--json')).toContain('"applied":true')
    expect(events()).toEqual([])
  })

  test('one a name, by the contract, whatever a browser asks of an https link', async () => {
    for (let visit = 0; visit < 5; visit++)
      for (const type of ['A', 'AAAA', 'HTTPS']) await ask(`login.${listed}`, type)
    await ask('true.example')
    await ask('phishing.test.securenet.example')
    await ask('second.example.com')
    await watch.line((line) => line.startsWith('event ') && line.includes('second.example.com'))
    const said = events().map((line) => {
      const [, topic = '', payload = ''] = /^event (\S+) (.*)$/.exec(line) ?? []
      return { topic, payload: JSON.parse(payload) as Record<string, unknown> }
    })
    for (const { topic, payload } of said) {
      expect(topic).toBe(`securenet/v1/line/${lines.fixed}/event`)
      expect([validate(payload), validate.errors]).toEqual([true, null])
      expect(Math.abs(Number(payload['at']) - Date.now() / 1000)).toBeLessThan(60)
    }
    expect(said.map(({ payload }) => [payload['name'], payload['category'], payload['modemId']])).toEqual([
      [`login.${listed}`, 'phishing', 'modem-1'],
      ['second.example.com', 'phishing', 'modem-1'],
    ])
  })

  test('none any more once the order is without `notices` again', async () => {
    modem.operator('line', 'enable', lines.fixed)
    const before = events().length
    expect(await ask(`later.${listed}`)).toBe(addresses.service4)
    modem.operator('line', 'enable', lines.fixed, '--notices')
    await ask(`last.${listed}`)
    await watch.line((line) => line.startsWith('event ') && line.includes(`last.${listed}`))
    expect(events().slice(before)).toHaveLength(1)
  })

  test('the same name again is one notice an hour: the module as built, with an hour that ends on a signal', async () => {
    await modem.stop()
    const hour = home.write(
      'hour.cjs',
      `const { setTimeout, clearTimeout } = globalThis
       const hours = new Map()
       globalThis.setTimeout = (run, ms, ...more) => {
         const timer = setTimeout(run, ms, ...more)
         if (ms === 3_600_000) hours.set(timer, () => run(...more))
         return timer
       }
       globalThis.clearTimeout = (timer) => {
         hours.delete(timer)
         clearTimeout(timer)
       }
       process.on('SIGUSR2', () => {
         const due = [...hours]
         hours.clear()
         for (const [timer, run] of due) {
           clearTimeout(timer)
           run()
         }
       })`,
    )
    const started = await modem.start(modem.configFile, ['--require', hour])
    // Events are not kept for a broker that is not there yet.
    await started.line((line) => line.startsWith('info mqtt-connected'))
    await home.until(
      () => ask(listed),
      (answer) => answer === addresses.service4,
    )
    const again = `again.${listed}`
    const heard = () => events().filter((line) => line.includes(`"${again}"`)).length
    for (let visit = 0; visit < 5; visit++) await ask(again)
    // On the same connection: more notices of `again` would have come before this one.
    await ask(`other.${listed}`)
    await watch.line((line) => line.startsWith('event ') && line.includes(`other.${listed}`))
    expect(heard()).toBe(1)
    started.child.kill('SIGUSR2')
    await home.until(
      () => ask(again).then(heard),
      (notices) => notices === 2,
    )
  })

  test('`check` names the link of a CNAME chain that is listed', async () => {
    expect(await ask('www.innocent.example')).toBe(addresses.service4)
    const text = modem.securenet('check', 'www.innocent.example').stdout.replace(/\s+/g, ' ')
    expect(text).toContain('www.innocent.example is BLOCKED')
    expect(text).toContain('name www.innocent.example: not listed')
    expect(text).toMatch(
      /leads to cdn\.phish\.example\.com: listed as phishing \(entry: phish\.example\.com and everything below it, list version \d+\)/,
    )
  })

  test('the page links to the report with name and category filled in, and sends nothing itself', () => {
    const page = home.exec('lan', [
      ...['curl', '-sS', '-H', `Host: login.${listed}`, `http://${addresses.service4}/offer`],
    ])
    expect(page).toContain(`name=login.${listed}&amp;category=phishing`)
    expect(page).not.toMatch(/<form|<script|<iframe|http-equiv/i)
  })

  test.each([
    ['Cache-Control', 'no-store'],
    ['X-Content-Type-Options', 'nosniff'],
    ['Referrer-Policy', 'no-referrer'],
    ['X-Frame-Options', 'DENY'],
    ['Cross-Origin-Resource-Policy', 'same-origin'],
    ['X-Robots-Tag', 'noindex'],
    ['Content-Type', 'text/html; charset=utf-8'],
    ['Connection', 'close'],
    [
      'Content-Security-Policy',
      /^default-src 'none'; style-src 'sha256-\S{44}'; img-src data:; .*frame-ancestors 'none'$/,
    ],
    ['Permissions-Policy', /camera=\(\).*geolocation=\(\).*microphone=\(\)/],
    ['Set-Cookie', undefined],
    ['Server', undefined],
    ['X-Powered-By', undefined],
    ['Access-Control-Allow-Origin', undefined],
    ['Strict-Transport-Security', undefined],
  ] as const)('header of the page: %s: %s', (header, wanted) => {
    const head = home.exec('lan', [
      'curl',
      '-sS',
      '-D',
      '-',
      '-o',
      '/dev/null',
      '-H',
      `Host: ${listed}`,
      `http://${addresses.service4}/`,
    ])
    const found = new RegExp(`^${header}: (.*?)\\r?$`, 'im').exec(head)?.[1]
    if (wanted instanceof RegExp) expect(found).toMatch(wanted)
    else expect(found).toBe(wanted)
  })
})
