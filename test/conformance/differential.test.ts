import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SeededRandom } from '../helpers/seeded-random.ts'
import { opt, option, query } from '../helpers/wire.ts'
import { HouseholdBench } from '../household/household-bench.ts'
import { Bench } from './bench.ts'
import { difference } from './compare.ts'
import { makeSignedZone, missing, names, zoneName } from './signed-zone.ts'
import { WireClient } from './wire-client.ts'

if (missing)
  console.log(`skipped: differential test, for want of ${missing} (apt-get install unbound ldnsutils)`)

const questions = Number(process.env['SECURENET_DIFFERENTIAL'] ?? 10_000)
/** A, NS, CNAME, SOA, PTR, HINFO, MX, RP, TXT, AAAA, SRV, NAPTR, DNAME, DS, SSHFP, DNSKEY, TLSA, SVCB, HTTPS, SPF, CAA, private use. */
const types = [
  1, 2, 5, 6, 12, 13, 15, 17, 16, 28, 33, 35, 39, 43, 44, 48, 52, 64, 65, 99, 257, 65_280, 65_534,
]

const [A, DNAME, DS] = [1, 39, 43]

interface Asked {
  message: Buffer
  transport: 'udp' | 'tcp'
  text: string
}

const scrambled = (name: string, random: SeededRandom) =>
  name.includes('\\') ? name : [...name].map((c) => (random.chance(0.5) ? c.toUpperCase() : c)).join('')

function ednsOf(random: SeededRandom): Parameters<typeof opt>[0] | null {
  if (random.chance(0.35)) return null
  const options = random.chance(0.2) ? option(65_001, 'unknown') : Buffer.alloc(0)
  return { size: random.pick([512, 1232, 4096]), flags: random.chance(0.6) ? 0x8000 : 0, options }
}

/** Half of them addresses of names that are there, as in a household; the rest everything. */
function ask(random: SeededRandom): Asked {
  const name = scrambled(random.pick(names), random)
  const drawn = random.chance(0.3) ? 1 : random.pick(types)
  // The apex's DS is its parent's, and the parent is on the internet.
  const isParents = drawn === DS && name.length === zoneName.length
  // unbound 1.17 is of two minds about DNAME questions below a DNAME: now bogus, now NXDOMAIN.
  const isMoody = drawn === DNAME && /\.d\./i.test(name)
  const type = isParents || isMoody ? A : drawn
  const edns = ednsOf(random)
  const flags = 0x0100 | (random.chance(0.2) ? 0x10 : 0) | (random.chance(0.2) ? 0x20 : 0)
  const transport = random.chance(0.25) ? 'tcp' : 'udp'
  const message = query({ name, type, flags, ...(edns && { tail: opt(edns) }) })
  return {
    message,
    transport,
    text: `${name} ${type} ${flags.toString(16)} ${JSON.stringify(edns)} ${transport}`,
  }
}

/**
 * Straight first, so that upstream has the answer in its cache: what it gives twice is the same, but for AD where it has
 * validated meanwhile what it gave unvalidated for CD. So what differs is compared with what upstream says afterwards too.
 */
async function differences(oursPort: number, theirsPort: number, seed: number, ttlSeconds: number) {
  const random = new SeededRandom(seed)
  const [ours, theirs] = [await new WireClient(oursPort).start(), await new WireClient(theirsPort).start()]
  const found: string[] = []
  const counts = { truncated: 0, records: 0, authenticated: 0 }
  const one = async ({ message, transport, text }: Asked) => {
    const straight = await theirs.ask(message, transport)
    const through = await ours.ask(message, transport)
    if (!straight || !through) {
      found.push(`${text}: no answer from ${straight ? 'us' : 'upstream'}`)
      return
    }
    if (through[2]! & 2) counts.truncated++
    if (through[3]! & 0x20) counts.authenticated++
    counts.records += through.readUInt16BE(6)
    if (difference(message, through, straight, ttlSeconds) === null) return
    const again = await theirs.ask(message, transport)
    const differs = again ? difference(message, through, again, ttlSeconds) : 'upstream is gone'
    if (differs) found.push(`${text}: ${differs}`)
  }
  try {
    let left = questions
    const asker = async () => {
      while (left-- > 0) await one(ask(random))
    }
    await Promise.all(Array.from({ length: 48 }, asker))
  } finally {
    ours.stop()
    theirs.stop()
  }
  return { found: found.slice(0, 5), wrong: found.length, ...counts }
}

describe.skipIf(missing !== '')(
  'the same questions through the module and straight to a real unbound',
  () => {
    const bench = new Bench()
    const house = new HouseholdBench()
    const ports = { authority: 0, resolver: 0 }

    beforeAll(async () => {
      const zone = makeSignedZone(bench.folder)
      ports.authority = await bench.authority(zone)
      ports.resolver = await bench.resolver(zone)
    })
    afterAll(async () => {
      await house.stop()
      await bench.stop()
    })

    it('an authority of a signed zone behind us', async () => {
      const result = await differences(await bench.bundle(ports.authority), ports.authority, 1, 60)
      expect(result).toMatchObject({ found: [], wrong: 0 })
      expect(result.truncated).toBeGreaterThan(questions / 1000)
      expect(result.records).toBeGreaterThan(questions / 4)
    })

    it('a validating resolver behind us: AD as it gave it', async () => {
      const result = await differences(await bench.bundle(ports.resolver), ports.resolver, 2, 60)
      expect(result).toMatchObject({ found: [], wrong: 0 })
      expect(result.authenticated).toBeGreaterThan(questions / 4)
    })

    it('the same while protecting with a list', async () => {
      await house.choosePorts()
      const { out, err } = await house.start({ SECURENET_UPSTREAM: `127.0.0.1:${ports.resolver}` })
      if (!/^ready/m.test(out)) throw new Error(`the household did not become ready:\n${out}\n${err}`)
      const result = await differences(house.ports.dns, ports.resolver, 3, 60)
      expect(result).toMatchObject({ found: [], wrong: 0 })
    })
  },
)
