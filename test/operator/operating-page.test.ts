import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { CliBench } from './cli-bench.ts'

const page = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'operating.md'), 'utf8')

/** Commands of blocks, and those in a line of text, as the page writes them; what comes after three blanks is a remark. */
function synopses(): string[] {
  const blocks = [...page.matchAll(/^ {4}(?:\$ )?operator (.+)$/gm)]
  const inText = [...page.matchAll(/`operator ([^`]+)`/g)]
  return [...blocks, ...inText].map(([, text = '']) =>
    text
      .replaceAll('\n', ' ')
      .replace(/ {3,}(?=[a-z#]).*$/, '')
      .trim(),
  )
}

/** A word with alternatives, a group of which one is taken, or one that may be left out. */
type Part = { alternatives: Part[][] } | string

/** `a|b`, `(a | b)`, `[a]`; dots say that more may come. */
function parse(text: string): Part[] {
  const tokens = text
    .replaceAll('FILE:CATEGORY[:FORMAT]', 'INPUT')
    .match(/"[^"]*"|[[\]()]|[^\s[\]()]+/g)!
    .filter((token) => token !== '...')
  const sequence = (): Part[] => {
    const parts: Part[] = []
    for (let token = tokens[0]; token !== undefined && !/^(\]|\)|\|)$/.test(token); token = tokens[0]) {
      tokens.shift()
      if (token === '[' || token === '(') parts.push(group(token === '['))
      else
        parts.push(
          ...word(
            token
              .replace(/\.\.\.$/, '')
              .replaceAll('"', '')
              .replaceAll(' ', '_'),
          ),
        )
    }
    return parts
  }
  const group = (isOptional: boolean): Part => {
    const alternatives = isOptional ? [[]] : ([] as Part[][])
    do alternatives.push(sequence())
    while (tokens.shift() === '|')
    return { alternatives }
  }
  const word = (token: string): Part[] =>
    token.includes('|') ? [{ alternatives: token.split('|').map((each) => [each]) }] : [token]
  return sequence()
}

/** One command with the first of each alternative, and one more for each other alternative. */
function expand(parts: Part[]): string[][] {
  let all: string[][] = [[]]
  for (const part of parts) {
    const [first, ...others] =
      typeof part === 'string' ? [[[part]]] : part.alternatives.map((each) => expand(each))
    const base = all[0]!
    all = [
      ...all.map((words) => [...words, ...first![0]!]),
      ...first!.slice(1).map((words) => [...base, ...words]),
      ...others.flat().map((words) => [...base, ...words]),
    ]
  }
  return all
}

const commands = [
  ...new Set(synopses().flatMap((text) => expand(parse(text)).map((words) => words.join(' ')))),
]

let bench: CliBench
let values: Map<string, string>
beforeAll(async () => {
  bench = new CliBench()
  bench.sign = undefined
  await bench.start(['demo'])
  const file = (name: string, text: string) => {
    const path = join(bench.folder, name)
    writeFileSync(path, text)
    return path
  }
  const input = `${file('bad.txt', 'bad.example\n')}:phishing`
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(bench.folder, 'line')])
  values = new Map([
    ['LINE', 'demo'],
    ['ID', 'modem-1'],
    ['MODEM', 'modem-1'],
    ['N', '1'],
    ['NUMBER', '1'],
    ['MINUTES', '1'],
    ['SECONDS', '1'],
    ['TEXT', 'text'],
    ['NAME', 'bad.example'],
    ['KEY', 'key'],
    ['ROLE', 'fleet'],
    ['URL', bench.url],
    ['INPUT', input],
    ['malware.txt:malware', input],
    ['phishing.txt:phishing', input],
    ['FIELD=VALUE', 'protecting=true'],
    ['ROLE=FILE.pub', `fleet=${join(bench.folder, 'line.pub')}`],
    ['line=line.pub', `line=${join(bench.folder, 'line.pub')}`],
    ['FILE', file('lines.txt', 'demo\n')],
    ['PACK', file('pack.json', '{"pack": "p", "lines": ["demo"]}')],
  ])
  bench.env = { SECURENET_KEYS_PASSPHRASE: 'secret' }
  await bench.run('keys', 'init')
  await bench.run('keys', 'publish')
  await bench.run('line', 'enable', 'demo')
  await bench.run('list', 'publish', '--input', input, '--yes')
}, 60_000)
afterAll(() => bench.stop())

const named = (word: string, words: readonly string[]) =>
  words[0] === 'pack' && word === 'FILE' ? values.get('PACK')! : (values.get(word) ?? word)
const endless = /^(watch|follow)\b/
/** Broker check with somebody's certificates has a test of its own. */
const elsewhere = /--modem-cert/

it('the page has the commands', () => {
  expect(commands.length).toBeGreaterThan(100)
})

it.each(commands.filter((text) => !elsewhere.test(text)))(
  'operator %s',
  { timeout: 120_000 },
  async (text) => {
    const words = text.split(' ')
    const args = words.map((word) => named(word, words))
    const agree = /--(yes|dry-run)/.test(text) || endless.test(text) ? [] : ['--yes']
    const running = bench.run(...args)
    if (endless.test(text)) setTimeout(() => bench.interrupt(), 500)
    let done = await running
    // Nobody sits here: a command that asks is given again with --yes.
    if (done.exit === 2 && /Nobody is there to agree/.test(done.err))
      done = await bench.run(...args, ...agree)
    expect(done.err).not.toMatch(/OPERATOR_USAGE|INTERNAL|unknown option|unknown command|error:/)
    expect([0, 1, 4]).toContain(done.exit)
  },
)
