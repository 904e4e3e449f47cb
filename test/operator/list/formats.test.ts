import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { detectFormat, type Format, formats, parserOf } from '../../../scripts/operator/list/formats.ts'
import { normaliseName } from '../../../scripts/operator/list/name.ts'

/** What a parser says about lines, in words: `+name` tree, `=name` exact, `-name` taken back, `!reason` dropped. */
function said(format: Format, ...lines: string[]): string[] {
  const words: string[] = []
  const parse = parserOf(format)
  const sink = {
    block: (name: string, scope: string) => void words.push(`${scope === 'tree' ? '+' : '='}${name}`),
    except: (name: string, scope: string) => void words.push(`-${scope === 'tree' ? '' : '='}${name}`),
    drop: (reason: string) => void words.push(`!${reason}`),
  }
  for (const line of lines) parse(line, sink)
  return words
}

describe('a name', () => {
  it.each([
    ['Evil.Example.', 'evil.example'],
    ['a_b.evil.example', 'a_b.evil.example'],
    ['_dmarc.evil.example', '_dmarc.evil.example'],
    ['bücher.example', 'xn--bcher-kva.example'],
    ['BÜCHER.example', 'xn--bcher-kva.example'],
    ['faß.example', 'xn--fa-hia.example'],
    ['日本。example', 'xn--wgv71a.example'],
    ['xn--bcher-kva.example', 'xn--bcher-kva.example'],
    // Of AdGuard's Base filter: no U-label belongs to it, and it is asked for and answered.
    ['xn--api-hn0a.rtnews.pro', 'xn--api-hn0a.rtnews.pro'],
    ['r3---sn.example', 'r3---sn.example'],
    // Of AdGuard's phishing list.
    ['reduce-repair-.start.page', 'reduce-repair-.start.page'],
    ['-evil.example', '-evil.example'],
    ['1.2.3.example', '1.2.3.example'],
    [`${'a'.repeat(63)}.example`, `${'a'.repeat(63)}.example`],
  ])('%s is %s', (text, name) => {
    expect(normaliseName(text)).toEqual({ ok: true, name })
  })

  it.each([
    ['evil.example/path', 'path'],
    ['https://evil.example', 'path'],
    ['evil.example:8080', 'port'],
    ['192.0.2.1', 'ip-address'],
    ['2001:db8::1', 'ip-address'],
    ['[2001:db8::1]', 'ip-address'],
    ['0x7f.1', 'ip-address'],
    ['2130706433', 'ip-address'],
    ['１９２.0.2.1', 'ip-address'],
    ['evil example', 'bad-name'],
    ['user@evil.example', 'bad-name'],
    ['evil%2eexample', 'bad-name'],
    ['bü%41.example', 'bad-name'],
    ['bücher.example?x', 'bad-name'],
    ['a..example', 'bad-name'],
    ['.example', 'bad-name'],
    ['', 'bad-name'],
    ['xn--a.bücher.example', 'bad-idn'],
    ['x\u200d.example', 'bad-idn'],
    [`${'a'.repeat(64)}.example`, 'too-long'],
    [`${'a.'.repeat(126)}example`, 'too-long'],
  ])('%s is refused: %s', (text, fault) => {
    expect(normaliseName(text)).toEqual({ ok: false, fault })
  })

  it('whatever comes, the outcome is a name that fits a question, unchanged by a second look, or a reason', () => {
    const text = fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 80 }),
      fc.domain(),
      fc.webUrl(),
      fc.ipV4(),
      fc.ipV6(),
      fc
        .array(fc.constantFrom('a', 'ü', '.', '-', '_', '*', ':', '/', '0', '。', 'xn--'), { maxLength: 30 })
        .map((a) => a.join('')),
    )
    fc.assert(
      fc.property(text, (given) => {
        const found = normaliseName(given)
        if (!found.ok) return
        expect(found.name).toMatch(/^[a-z0-9_-]+(\.[a-z0-9_-]+)*$/)
        expect(found.name.length).toBeLessThanOrEqual(253)
        expect(found.name.split('.').every((label) => label.length <= 63)).toBe(true)
        expect(normaliseName(found.name)).toEqual(found)
      }),
      { numRuns: 2000 },
    )
  })
})

describe('each format', () => {
  it.each<[Format, string, string[]]>([
    ['domains', 'evil.example', ['+evil.example']],
    ['domains', '  evil.example  # why', ['+evil.example']],
    ['domains', '*.evil.example', ['+evil.example']],
    ['domains', '.evil.example', ['+evil.example']],
    ['domains', '..evil.example', ['!bad-name']],
    ['domains', '# comment', []],
    ['domains', '! comment', []],
    ['domains', '', []],
    ['domains', 'evil.example/login', ['!path']],
    ['domains', 'evil.*.example', ['!pattern']],
    ['domains', '*', ['+']],
    ['domains', '.', ['+']],
    ['domains', 'x'.repeat(5000), ['!too-long']],

    ['hosts', '0.0.0.0 evil.example', ['+evil.example']],
    ['hosts', '127.0.0.1\tevil.example www.evil.example # x', ['+evil.example', '+www.evil.example']],
    ['hosts', ':: evil.example', ['+evil.example']],
    ['hosts', '0 evil.example', ['+evil.example']],
    ['hosts', '0.0.0.0 evil.example#why', ['+evil.example']],
    ...[
      '::0',
      '0:0:0:0:0:0:0:0',
      '127.1',
      '000.000.000.000',
      '0.0',
      '0x7f.1',
      '0177.0.0.1',
      '::ffff:127.0.0.1',
      '0::1',
    ].map((sink): [Format, string, string[]] => ['hosts', `${sink} evil.example`, ['+evil.example']]),
    ...['1', '::2', '128.1', '256.1', '08.0.0.0', '::ffff:1.2.3.4'].map(
      (address): [Format, string, string[]] => [
        'hosts',
        `${address} evil.example`,
        [address.startsWith('::') ? '!not-a-block' : '!not-understood'],
      ],
    ),
    ['dnsmasq', 'address=/evil.example/::0', ['+evil.example']],
    ['dnsmasq', 'address=/evil.example/000.000.000.000', ['+evil.example']],
    ['rpz', 'evil.example AAAA ::0', ['=evil.example']],
    ['domains', '||evil.example^', ['+evil.example']],
    ['hosts', '0.0.0.0 #evil.example', ['!not-understood']],
    ['hosts', '7 evil.example', ['!not-understood']],
    ['hosts', '192.0.2.7 evil.example', ['!not-a-block']],
    ['hosts', '127.0.0.1 localhost', ['!local-name']],
    ['hosts', 'fe80::1%lo0 localhost', ['!local-name']],
    ['hosts', '255.255.255.255 broadcasthost', ['!local-name']],
    ['hosts', '0.0.0.0 0.0.0.0', ['!local-name']],
    ['hosts', 'evil.example', ['!not-understood']],

    ['adblock', '||evil.example^', ['+evil.example']],
    ['adblock', '||evil.example^|', ['+evil.example']],
    ['adblock', '||evil.example^$important', ['+evil.example']],
    ['adblock', '||evil.example^$all', ['+evil.example']],
    ['adblock', '||evil.example^$third-party', ['!unknown-modifier']],
    ['adblock', '||evil.example^$important,denyallow=a.example', ['!unknown-modifier']],
    ['adblock', '||evil.example^$dnstype=AAAA', ['!unknown-modifier']],
    ['adblock', '||evil.example^$client=192.168.1.2', ['!unknown-modifier']],
    ['adblock', '||evil.example^$newthing', ['!unknown-modifier']],
    ['adblock', '||evil.example^$', ['!unknown-modifier']],
    ['adblock', '||evil.example^$badfilter', ['-=evil.example']],
    ['adblock', '@@||good.example^', ['-good.example']],
    ['adblock', '@@||good.example^$important', ['-good.example']],
    ['adblock', '@@||good.example^$script', ['!unknown-modifier']],
    ['adblock', '||evil.example', ['!pattern']],
    ['adblock', '||evil.example/login^', ['!path']],
    ['adblock', '||evil.example^path', ['!pattern']],
    ['adblock', '||evil.example^*/ads', ['!path']],
    ['adblock', '||evil*.example^', ['!pattern']],
    ['adblock', '||192.0.2.1^', ['!ip-address']],
    ['adblock', '/ads[0-9]+/', ['!pattern']],
    ['adblock', '|https://evil.example/', ['!path']],
    ['adblock', 'evil.example##.banner', ['!cosmetic']],
    ['adblock', 'evil.example#@#.banner', ['!cosmetic']],
    ['adblock', '##.banner', ['!cosmetic']],
    ['adblock', 'evil.example', ['=evil.example']],
    ['adblock', '_ad_impression', ['!pattern']],
    ['adblock', '-ads.js', ['!pattern']],
    ['adblock', '||evil-.example^', ['+evil-.example']],
    ['adblock', '0.0.0.0 evil.example', ['+evil.example']],
    ['adblock', '! comment', []],
    ['adblock', '[Adblock Plus 2.0]', []],
    ['adblock', '# comment', []],

    ['dnsmasq', 'address=/evil.example/', ['+evil.example']],
    ['dnsmasq', 'address=/evil.example/#', ['+evil.example']],
    ['dnsmasq', 'address=/evil.example/0.0.0.0', ['+evil.example']],
    ['dnsmasq', 'address=/evil.example/worse.example/::', ['+evil.example', '+worse.example']],
    ['dnsmasq', 'address=/.evil.example/', ['+evil.example']],
    ['dnsmasq', 'address=/evil.example/192.0.2.1', ['!not-a-block']],
    ['dnsmasq', 'address=/evil.example/path', ['!path']],
    ['dnsmasq', 'address=/#/', ['+']],
    ['dnsmasq', 'server=/evil.example/', ['+evil.example']],
    ['dnsmasq', 'server=/evil.example/192.0.2.53', ['!not-a-block']],
    ['dnsmasq', 'server=/evil.example/worse.example/192.0.2.53', ['!not-a-block', '!not-a-block']],
    ['dnsmasq', 'server=192.0.2.53', ['!not-a-block']],
    ['dnsmasq', 'local=/evil.example/', ['+evil.example']],
    ['dnsmasq', 'local=/evil.example/.worse.example/ # why', ['+evil.example', '+worse.example']],
    ['dnsmasq', 'local=/good.example/#', ['-=good.example']],
    ['dnsmasq', 'server=/good.example/#', ['-=good.example']],
    ['dnsmasq', 'local=/#/', ['+']],
    ['dnsmasq', 'ipset=/evil.example/vpn', ['!not-a-block']],
    ['dnsmasq', 'no-resolv', ['!not-understood']],
    ['dnsmasq', '# comment', []],

    ['rpz', 'evil.example CNAME .', ['=evil.example']],
    ['rpz', '*.evil.example 300 IN CNAME .', ['+evil.example']],
    ['rpz', 'evil.example IN CNAME *.', ['=evil.example']],
    ['rpz', 'evil.example CNAME rpz-drop.', ['=evil.example']],
    ['rpz', 'good.example CNAME rpz-passthru.', ['-=good.example']],
    ['rpz', 'evil.example CNAME garden.example.', ['!not-a-block']],
    ['rpz', 'evil.example A 0.0.0.0', ['=evil.example']],
    ['rpz', '24.0.2.0.192.rpz-ip CNAME .', ['!unsupported-trigger']],
    ['rpz', 'ns.evil.example.rpz-nsdname CNAME .', ['!unsupported-trigger']],
    ['rpz', 'evil.example 1h30m CNAME .', ['=evil.example']],
    ['rpz', String.raw`ev\105l.example CNAME .`, ['=evil.example']],
    ['rpz', String.raw`\*.evil.example CNAME .`, ['!pattern']],
    ['rpz', String.raw`evil\.example.com CNAME .`, ['!bad-name']],
    ['rpz', 'evil.example CNAME . ; (', ['=evil.example']],
    ['rpz', 'evil.example CNAME', ['!not-understood']],
    ['rpz', 'evil.example CNAME . )', ['!not-understood']],
    ['rpz', 'x TXT "never closed', ['!not-understood']],
    ['rpz', '$INCLUDE other.zone', ['!not-understood']],
    ['rpz', '; comment', []],
    ['rpz', '$TTL 300', []],
  ])('%s: %s', (format, line, words) => {
    expect(said(format, line)).toEqual(words)
  })

  it('an RPZ zone is read as a master file', () => {
    expect(
      said(
        'rpz',
        '$TTL 2h',
        '$ORIGIN rpz.example.',
        '@ SOA localhost. root.localhost. (',
        '   1 ; serial',
        '   3600 600 86400 300 )',
        '  NS localhost.',
        'evil.example CNAME .',
        '             TXT "why"',
        '*.evil.example.rpz.example. CNAME .',
        'elsewhere.example. CNAME .',
        '        CNAME .',
      ),
    ).toEqual(['=evil.example', '+evil.example', '!out-of-zone', '!out-of-zone'])
  })

  it.each([
    'TXT "see ticket :("',
    'TXT "a; ("',
    String.raw`TXT "he said \"(\""`,
    String.raw`TXT \(`,
    String.raw`TXT a\;(b)`,
    'TXT ( "a )"\n "(" )',
    'TXT "a("b"c)"',
    'TXT ()',
    'TXT "never closed (',
  ])('RPZ: no text of a record swallows what follows it: %s', (record) => {
    const lines = `before.example CNAME .\nnote.example ${record}\nafter.example CNAME .`.split('\n')
    expect(said('rpz', ...lines).filter((word) => word !== '!not-understood')).toEqual([
      '=before.example',
      '=after.example',
    ])
  })

  it('RPZ: a record over several lines is read whole', () => {
    expect(said('rpz', 'evil.example (', ' 300 ; the TTL', ' CNAME', '. )', ' A 0.0.0.0')).toEqual([
      '=evil.example',
      '=evil.example',
    ])
  })

  it('RPZ: whatever a quoted string holds, the records around it are the same', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 30 }), (text) => {
        const quoted = `"${text.replace(/[\\"]/g, '\\$&')}"`
        const words = said('rpz', 'a.example CNAME .', `b.example TXT ${quoted}`, 'c.example CNAME .')
        expect(words).toEqual(['=a.example', '=c.example'])
      }),
    )
  })

  it('an RPZ zone whose origin changes on the way, as BIND writes it', () => {
    expect(
      said(
        'rpz',
        '$ORIGIN .',
        'rpz.example IN SOA localhost. root.localhost. 1 3600 600 86400 300',
        '$ORIGIN example.rpz.example.',
        'evil CNAME .',
        '*.evil CNAME .',
        '$ORIGIN evil.com.rpz.example.',
        'www CNAME .',
        '@ CNAME .',
        '$ORIGIN net',
        'evil.com CNAME .',
        '$ORIGIN rpz.example.',
        'last.example CNAME .',
        '@ CNAME .',
      ),
    ).toEqual([
      '=evil.example',
      '+evil.example',
      '=www.evil.com',
      '=evil.com',
      '=evil.com.net.evil.com',
      '=last.example',
      '!not-understood',
    ])
  })

  it('no line makes a parser throw, and no line is passed over in silence but a comment', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...formats.filter((format) => format !== 'rpz')),
        fc.oneof(fc.string({ maxLength: 60 }), fc.string({ unit: 'grapheme', maxLength: 40 })),
        (format, line) => {
          if (line.trim() === '' || /^\s*(#|!|;|\/\/|\[)/.test(line)) return
          expect(said(format, line).length).toBeGreaterThan(0)
        },
      ),
      { numRuns: 3000 },
    )
    fc.assert(fc.property(fc.array(fc.string({ maxLength: 40 })), (lines) => void said('rpz', ...lines)))
  })
})

it.each<[Format, string[]]>([
  ['domains', ['# a list', 'evil.example', 'worse.example']],
  ['hosts', ['# hosts', '0.0.0.0 evil.example']],
  ['adblock', ['[Adblock Plus]', '! x', '||evil.example^']],
  ['dnsmasq', ['address=/evil.example/#']],
  ['dnsmasq', ['# Syntax: DNSMasq v2.86 or newer', 'local=/evil.example/']],
  // One line of another format does not make a list one of that format.
  ['domains', ['evil.example', 'worse.example', '0.0.0.0 odd.example', 'address=/odd.example/']],
  ['domains', ['#################[UPDATE]#################', '######', 'evil.example']],
  ['domains', ['## a list', 'evil.example ##why', 'worse.example']],
  ['hosts', [...Array.from({ length: 500 }, (_, i) => `# licence, line ${i}`), '0.0.0.0 evil.example']],
  ['hosts', ['0 evil.example']],
  ['domains', ['evil.example', 'worse.example', '||bad.example^']],
  ['domains', ['##BANNER', 'evil.example', 'worse.example']],
  ['hosts', ['::0 evil.example', '127.1 worse.example', '||bad.example^']],
  ['adblock', ['evil.example', '||bad.example^', '||worse.example^']],
  ['adblock', ['! x', '##.banner', 'evil.example']],
  ['rpz', ['$TTL 60', '@ SOA a. b. 1 2 3 4 5', ' NS localhost.', 'evil.example A 0.0.0.0']],
  ['rpz', ['$TTL 1h', '@ SOA a. b. 1 2 3 4 5', 'evil.example CNAME .']],
])('the format %s is recognised', (format, lines) => {
  expect(detectFormat(lines)).toBe(format)
})
