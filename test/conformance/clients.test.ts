import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Bench } from './bench.ts'
import { makeSignedZone, missing, type SignedZone, zoneName } from './signed-zone.ts'

const clients = ['/usr/bin/dig', '/usr/bin/kdig', '/usr/bin/drill'].filter((tool) => !existsSync(tool))
const without = [missing, ...clients].filter(Boolean).join(', ')
if (without) console.log(`skipped: real clients, for want of ${without}`)
const muslGcc = existsSync('/usr/bin/musl-gcc')
if (!muslGcc) console.log('skipped: musl as a client, for want of musl-gcc (musl-tools)')
/** Alpine's and OpenWrt's resolver: asks A and AAAA at once from one socket, and sends no OPT. */
const muslLookup = `
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>
int main(int argc, char **argv) {
  struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found;
  for (int i = 1; i < argc; i++) {
    int error = getaddrinfo(argv[i], 0, &hints, &found), count = 0;
    if (error) { printf("musl %s %s\\n", argv[i], gai_strerror(error)); continue; }
    for (struct addrinfo *at = found; at; at = at->ai_next, count++) {
      char text[64];
      getnameinfo(at->ai_addr, at->ai_addrlen, text, sizeof text, 0, 0, NI_NUMERICHOST);
      if (count < 2) printf("musl %s %s\\n", argv[i], text);
    }
    printf("musl %s count %d\\n", argv[i], count);
  }
}
`
const canUnshare = process.getuid?.() === 0 && spawnSync('unshare', ['-nm', 'true']).status === 0
if (!canUnshare) console.log('skipped: glibc, musl and busybox as clients, for want of root and namespaces')

describe.skipIf(without !== '')('real clients of the built bundle', () => {
  const bench = new Bench()
  let zone: SignedZone
  let port = 0
  beforeAll(async () => {
    zone = makeSignedZone(bench.folder)
    port = await bench.bundle(await bench.resolver(zone))
  })
  afterAll(() => bench.stop())

  const run = (tool: string, ...args: string[]) => execFileSync(tool, args, { encoding: 'utf8' })
  const name = (label: string) => `${label}.${zoneName}`

  it('dig, over UDP and TCP', () => {
    for (const more of ['+notcp', '+tcp']) {
      const out = run('dig', '-p', String(port), '@127.0.0.1', name('h1'), '+short', more)
      expect(out.trim()).toBe('192.0.2.2')
    }
  })

  it('dig asks again over TCP when an answer is cut', () => {
    const out = run('dig', '-p', String(port), '@127.0.0.1', name('big'), 'TXT')
    expect(out).toMatch(/ANSWER: 30,/)
    expect(out).toContain('(TCP)')
  })

  it('kdig with an unknown option, padding, NSID and ECS gets none back (RFC 6891 §6.1.2)', () => {
    const options = ['+ednsopt=65001:0102', '+padding=64', '+nsid', '+subnet=192.0.2.0/24', '+dnssec']
    const out = run('kdig', '-p', String(port), '@127.0.0.1', name('h1'), ...options)
    expect(out).toMatch(/status: NOERROR/)
    expect(out).toMatch(/Flags: qr rd ra ad;/)
    expect(out).toMatch(/Version: 0; flags: do; UDP size: 1232 B; ext-rcode: NOERROR/)
    expect(out).not.toMatch(/NSID|PADDING|SUBNET|65001/i)
  })

  it('kdig keeps one connection for several questions (RFC 7766 §6.2.1)', () => {
    const at = ['-p', String(port), '@127.0.0.1', '+tcp', '+keepopen', '+short']
    const out = run('kdig', ...at, name('h1'), ...at, name('h2'), ...at, name('h3'))
    expect(out.trim().split('\n')).toEqual(['192.0.2.2', '192.0.2.3', '192.0.2.4'])
  })

  it('drill sees the signatures', () => {
    const out = run('drill', '-D', '-p', String(port), '@127.0.0.1', name('h1'), 'A')
    expect(out).toMatch(/rcode: NOERROR/)
    expect(out).toMatch(/RRSIG\tA 13 3/)
  })

  it.each([
    ['an address', 'h1', 'A', /192\.0\.2\.2/],
    ['a wildcard', 'b.c.wild', 'A', /192\.0\.2\.99/],
    ['a chain', 'c0', 'A', /192\.0\.2\.88/],
    ['a DNAME', 'x.d', 'A', /192\.0\.2\.77/],
    ['NODATA', 'h1', 'SRV', /ANSWER: 0,/],
    ['NXDOMAIN', 'nothing1', 'A', /NXDOMAIN/],
    ['a big answer', 'big', 'TXT', /ANSWER: 31,/],
  ])('unbound behind us validates %s: AD (RFC 4035 §3.2.3)', async (_, label, type, expected) => {
    validator ||= await bench.validatorBehind(port, zone)
    const out = run('dig', '-p', String(validator), '@127.0.0.1', name(label), type, '+dnssec')
    expect(out).toMatch(expected)
    expect(out).toMatch(/;; flags: qr rd ra ad;/)
  })
  let validator = 0

  it.skipIf(!canUnshare)(
    'glibc, musl and busybox resolve in a namespace where we are the only resolver',
    () => {
      const authority = 'authority'
      writeFileSync(
        join(bench.folder, 'resolv.conf'),
        'nameserver 127.0.0.1\noptions timeout:10 attempts:2\n',
      )
      const home = join(bench.folder, 'inside')
      writeFileSync(
        join(bench.folder, `${authority}.conf`),
        `server:\ninterface: 127.0.0.1\nport: 5301\nusername: ""\nchroot: ""\npidfile: ""\nuse-syslog: no\ndo-daemonize: no\nmodule-config: "iterator"\nauth-zone:\nname: "${zoneName}."\nzonefile: "${zone.file}"\nfallback-enabled: no\nfor-downstream: yes\nfor-upstream: no\nremote-control:\ncontrol-enable: no\n`,
      )
      const config = {
        modemId: 'm1',
        dataDir: join(home, 'data'),
        runDir: join(home, 'run'),
        lines: [{ id: 'l1' }],
        dns: { listen: [{ address: '127.0.0.1', port: 53 }] },
        upstream: { servers: [{ address: '127.0.0.1', port: 5301 }] },
        page: { listen: [{ address: '127.0.0.1', port: 8080 }], ipv4: '127.0.0.1' },
        interception: { backend: 'none' },
        trust: { rootsFile: join(bench.folder, `modem-${port}`, 'roots.json') },
      }
      writeFileSync(join(bench.folder, 'inside.json'), JSON.stringify(config))
      if (muslGcc) {
        writeFileSync(join(bench.folder, 'musl.c'), muslLookup)
        execFileSync('musl-gcc', ['-o', 'musl', 'musl.c'], { cwd: bench.folder })
      }
      const script = [
        'ip link set lo up && mount --bind resolv.conf /etc/resolv.conf || exit 9',
        `/usr/sbin/unbound -d -c ${authority}.conf >/dev/null 2>&1 & a=$!`,
        `"${process.execPath}" bundle/securenet.cjs run --config inside.json >/dev/null 2>&1 & b=$!`,
        `for i in $(seq 50); do getent ahosts h1.${zoneName} >/dev/null && break; sleep 0.1; done`,
        `getent ahosts h1.${zoneName}; getent ahosts c0.${zoneName}; getent ahosts many.${zoneName} | grep -c STREAM`,
        `getent ahosts nothing1.${zoneName} || echo gone`,
        `busybox nslookup h2.${zoneName} 2>&1 || true`,
        ...(muslGcc ? [`./musl ${['h1', 'c0', 'x.d', 'nothing1'].map(name).join(' ')}`] : []),
        'kill $a $b; wait',
      ].join('\n')
      const out = execFileSync('unshare', ['-nm', 'sh', '-c', script], {
        cwd: bench.folder,
        encoding: 'utf8',
      })
      expect(out).toMatch(/192\.0\.2\.2 +STREAM/)
      expect(out).toMatch(/2001:db8::2 +STREAM/)
      expect(out).toMatch(/192\.0\.2\.88 +STREAM/)
      expect(out).toMatch(/^90$/m)
      expect(out).toContain('gone')
      if (existsSync('/usr/bin/busybox')) expect(out).toMatch(/192\.0\.2\.3/)
      if (!muslGcc) return
      const muslSaid = (label: string) =>
        [...out.matchAll(new RegExp(`^musl ${name(label)} (.*)$`, 'gm'))].map(([, said]) => said)
      expect(muslSaid('h1').sort()).toEqual(['192.0.2.2', '2001:db8::2', 'count 2'])
      expect(muslSaid('c0')).toEqual(['192.0.2.88', 'count 1'])
      expect(muslSaid('x.d')).toEqual(['192.0.2.77', 'count 1'])
      expect(muslSaid('nothing1')).toEqual(['Name does not resolve'])
    },
  )
})
