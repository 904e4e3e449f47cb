import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SeededRandom } from '../helpers/seeded-random.ts'
import { query } from '../helpers/wire.ts'
import { Bench } from './bench.ts'
import { OddWeather } from './odd-weather.ts'
import { makeSignedZone, missing, zoneName } from './signed-zone.ts'
import { WireClient } from './wire-client.ts'

if (missing) console.log(`skipped: odd weather, for want of ${missing} (apt-get install unbound ldnsutils)`)

/** Each meets names that nobody has asked before: a validator remembers for a minute what it found bogus. */
const FRONTS = 10
const A = 1
const AAAA = 28
const SEEN_IN_A_FRONT = 4
const namesOf = (front: number) =>
  Array.from({ length: SEEN_IN_A_FRONT }, (_, i) => front * SEEN_IN_A_FRONT + i).flatMap((i) => [
    `h${i}.${zoneName}`,
    `nothing${i}.${zoneName}`,
  ])
const SERVFAIL = 2

/** AD set: the client wants to know whether it was validated (RFC 6840 §5.7). */
const askAll = (client: WireClient, names: readonly string[], type: number) =>
  Promise.all(
    names.map(async (name) => {
      const reply = await client.ask(query({ name, type, flags: 0x0120 }))
      return {
        name,
        rcode: reply ? reply[3]! & 15 : -1,
        isSecure: reply !== null && (reply[3]! & 0x20) !== 0,
      }
    }),
  )

describe.skipIf(missing !== '')('a validating unbound behind the module, odd weather behind both', () => {
  const bench = new Bench()
  let weather: OddWeather
  let client: WireClient

  beforeAll(async () => {
    const zone = makeSignedZone(bench.folder)
    const resolver = await bench.resolver(zone)
    weather = await new OddWeather(resolver, new SeededRandom(18), zoneName).start()
    weather.change(false)
    const module = await bench.bundle(weather.port)
    client = await new WireClient(await bench.validatorBehind(module, zone)).start()
  })
  afterAll(async () => {
    client.stop()
    weather.stop()
    await bench.stop()
  })

  it('one name says nothing of the next: what the weather spares is secure, nothing is ever insecure', async () => {
    for (let front = 0; front < FRONTS; front++) {
      weather.change()
      const found = await askAll(client, namesOf(front), A)
      const harmed = found.filter(({ name, isSecure }) => weather.spares(name) && !isSecure)
      const insecure = found.filter(({ rcode, isSecure }) => rcode !== SERVFAIL && !isSecure)
      expect({ front, harmed, insecure }).toEqual({ front, harmed: [], insecure: [] })
    }
    expect(weather.odd).toBeGreaterThan(FRONTS)
  })

  it('nothing stays of it in fair weather', async () => {
    weather.change(false)
    const all = Array.from({ length: FRONTS }, (_, front) => namesOf(front)).flat()
    expect((await askAll(client, all, AAAA)).filter(({ isSecure }) => !isSecure)).toEqual([])
  })
})

describe.skipIf(missing !== '')('a validating systemd-resolved behind the module', () => {
  const bench = new Bench()
  afterAll(() => bench.stop())

  it('finds every name secure', async (test) => {
    const zone = makeSignedZone(bench.folder)
    const port = await bench.resolvedBehind(await bench.bundle(await bench.resolver(zone)), zone)
    if (port === null) {
      console.log('skipped: systemd-resolved, for want of root or its Debian packages')
      return test.skip()
    }
    const client = await new WireClient(port).start()
    const all = Array.from({ length: FRONTS }, (_, front) => namesOf(front)).flat()
    for (const type of [A, AAAA])
      expect((await askAll(client, all, type)).filter(({ isSecure }) => !isSecure)).toEqual([])
    client.stop()
  })
})
