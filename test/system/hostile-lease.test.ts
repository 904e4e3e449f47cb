/** What a hostile device sends does not make the lease let go (docs/security.md). */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { longTestLimitMs } from '../helpers/limits.ts'
import type { Flood } from './flood.ts'
import { addresses, Household, lacking } from './household-in-namespaces.ts'
import { bundle } from './interception-list.ts'
import { Modem } from './modem.ts'

const missing = lacking(['ip', 'nft', 'dnsmasq', 'dig', 'setpriv', 'openssl', 'mosquitto', 'perl'])
if (missing.length > 0) console.log(`skipped: hostile device and the lease: missing ${missing.join(', ')}`)

/** Longer than a lease and all that may be waited for before the next. */
const watchMs = 20_000

/** Four datagrams a second with a source route, which every router drops (RFC 7126 §4.3, net.ipv4.conf.*.accept_source_route). */
const SOURCE_ROUTED = String.raw`
use Socket; $| = 1;
socket(my $socket, PF_INET, SOCK_DGRAM, 17) or die $!;
my ($to) = @ARGV;
setsockopt($socket, 0, 4, pack("C3 a4 C", 0x83, 7, 4, inet_aton("192.168.1.1"), 0)) or die $!;
my $question = pack("n6", 7, 0x100, 1, 0, 0, 0) . "\3who\7example\0" . pack("n2", 1, 1);
while (1) { send($socket, $question, 0, sockaddr_in(53, inet_aton($to))); print "flooding\n"; select(undef, undef, undef, 0.25) }
`

describe.skipIf(missing.length > 0)('hostile device and the lease', () => {
  const home = new Household()
  const modem = new Modem(home)
  let flood = ''

  beforeAll(async () => {
    await home.open()
    flood = await bundle(home, 'flood')
    home.exec('guest', ['sysctl', '-qw', 'net.ipv4.ip_nonlocal_bind=1', 'net.ipv6.ip_nonlocal_bind=1'])
    await modem.protect(['listed.example'])
  })
  afterAll(() => home.close())

  const slowly: Flood = {
    server: addresses.modem.guest4,
    rate: 4,
    kinds: ['hit'],
    transports: ['udp'],
    from: [],
  }
  const flooding = (more: Partial<Flood>) => [process.execPath, flood, JSON.stringify({ ...slowly, ...more })]

  test.each<[string, string[] | (() => string[])]>([
    ['source port 53', () => flooding({ port: 53 })],
    ['source port 53, IPv6', () => flooding({ port: 53, server: addresses.modem.guestGua })],
    ['IP options', ['perl', '-e', SOURCE_ROUTED, addresses.modem.guest4]],
    ['a martian source', () => flooding({ from: ['240.0.0.*'] })],
    ['the modem’s own source address', () => flooding({ from: [addresses.modem.lan4] })],
    ['the service address as source', () => flooding({ from: [addresses.service4] })],
    [
      'the service address as source, IPv6',
      () => flooding({ from: [addresses.service6], server: addresses.modem.guestGua }),
    ],
  ])(
    'four packets a second, %s: the lease holds in an otherwise quiet household',
    {
      timeout: longTestLimitMs,
    },
    async (_, argv) => {
      const before = modem.status().interception.interruptions
      const attacker = home.start('guest', typeof argv === 'function' ? argv() : argv)
      try {
        await attacker.line((line) => line === 'flooding')
        const end = performance.now() + watchMs
        let samples = 0
        let empty = 0
        while (performance.now() < end) {
          const lease = home.exec('modem', ['nft', 'list', 'set', 'inet', 'securenet', 'lease'])
          samples++
          if (!lease.includes('expires')) empty++
          await new Promise((next) => setTimeout(next, 400))
        }
        console.log(`lease empty in ${empty} of ${samples} samples`)
        expect(empty).toBe(0)
        expect(modem.status().interception).toMatchObject({
          armed: ['br-lan', 'br-guest'],
          interruptions: before,
        })
      } finally {
        await home.stop(attacker)
      }
    },
  )
})
