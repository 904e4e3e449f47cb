import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createLog } from '../../module/base/log.ts'
import { createMatcher } from '../../module/blocklist/matcher.ts'
import { parseArguments, USAGE_TEXT } from '../../module/cli/arguments.ts'
import { askCommand } from '../../module/cli/ask.ts'
import { explainName } from '../../module/diagnostics/explain-name.ts'
import { nameFromText } from '../../module/dns/name.ts'
import { LocalSocket } from '../../module/local/socket.ts'
import { specialNames } from '../../module/query/special-names.ts'

const listed = ['azukishop.live', 'xn--mnchen-3ya.de', 'nas.lan'].map((name) => nameFromText(name)!)
const matcher = createMatcher({ store: null, allow: [], core: [] })
const isListed = (wire: Uint8Array) => listed.some((name) => name.equals(wire))
const policy = {
  filtering: true,
  revision: 1,
  verdict: (wire: Uint8Array) => (isListed(wire) ? 0 : -1),
  exempt: () => false,
}

let runDir: string
let socket: LocalSocket
const asked: unknown[] = []

beforeAll(async () => {
  runDir = mkdtempSync(join(tmpdir(), 'securenet-run-'))
  const check = async (name: string) => {
    const explained = await explainName(name, {
      matcher: {
        ...matcher,
        exempt: () => null,
        explain: (wire) =>
          isListed(wire)
            ? { listed: true, by: 'list', category: 'phishing', suffix: name, scope: 'tree', version: 1 }
            : { listed: false, by: 'none' },
      },
      upstream: {
        exchange: ({ local }, done) => {
          asked.push(local)
          setImmediate(() => done(null, 'timeout'))
        },
      },
      special: specialNames(policy, ['lan'], true),
      protection: () => ({ protecting: true, why: 'all-good' }),
    })
    return { ...explained, listeners: [] }
  }
  const never = () => Promise.reject(new Error('not asked'))
  socket = new LocalSocket({
    runDir,
    handlers: { status: never, check, selfTest: never, support: never, activeInterface: never },
    log: createLog(() => undefined),
  })
  await socket.start()
})
afterAll(async () => {
  await socket.stop()
  rmSync(runDir, { recursive: true, force: true })
})

async function check(name: string) {
  let text = ''
  const args = parseArguments(['check', name, '--run-dir', runDir])
  const code = await askCommand(args, { colour: false, out: (printed) => (text += printed) })
  return { code, text }
}

describe('securenet check', () => {
  it.each<[name: string, code: number, text: string]>([
    ['azukishop.live', 0, 'azukishop.live is BLOCKED'],
    ['https://azukishop.live/login', 0, 'azukishop.live is BLOCKED'],
    ['münchen.de', 0, 'xn--mnchen-3ya.de is BLOCKED'],
    ['example.com', 1, 'example.com is not blocked'],
    ['use-application-dns.net', 1, 'canary'],
    ['printer.local', 1, 'a special name, answered by the modem itself'],
    ['localhost', 1, 'a special name'],
    // A listed name of the household's zone is not judged, and so is not said to be blocked.
    ['nas.lan', 1, 'a name of the household, left to the stock resolver'],
    ['printer', 1, 'a name of the household'],
  ])('%s: exit code %i', async (name, code, text) => {
    const found = await check(name)
    expect(found.text.replace(/\s+/g, ' ')).toContain(text)
    expect(found.code).toBe(code)
  })

  it('asks the resolver for what leaves the modem only, and the stock one for the household’s', async () => {
    asked.length = 0
    for (const name of ['printer.local', 'use-application-dns.net', 'nas.lan', 'example.com'])
      await check(name)
    expect(asked).toEqual([true, false])
  })

  it.each(['not a name', 'http://192.0.2.1/', 'm\ufffdnchen.de'])('refuses %j', async (name) => {
    await expect(check(name)).rejects.toMatchObject({ code: 'NAME_INVALID' })
  })

  it('says its exit codes', () => {
    expect(USAGE_TEXT).toContain('check, as grep: 0 blocked; 1 not blocked; 2')
  })
})
