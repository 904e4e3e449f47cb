import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { roles } from '../../../module/control/documents/kinds.ts'
import { verifyDocument } from '../../../module/control/documents/verify.ts'
import { KeyFolder } from '../../../scripts/operator/signing/key-folder.ts'
import { SshAgent } from '../../../scripts/operator/signing/ssh-agent.ts'
import {
  SshReader,
  sshKeyOf,
  sshPublicKey,
  sshSignature,
  sshString,
} from '../../../scripts/operator/signing/ssh-wire.ts'
import { bytesOf, newTrust, now, samples, target } from '../../control/signers.ts'
import { CliBench } from '../cli-bench.ts'

const refused = (code: string, text = '') =>
  expect.objectContaining({ name: 'SecureNetError', code, message: expect.stringContaining(text) })
const isThere = (program: string) => {
  try {
    execFileSync('which', [program])
    return true
  } catch {
    return false
  }
}

let base: string
let socket: string
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'securenet-agent-'))
  socket = join(base, 'agent')
})
afterEach(() => rmSync(base, { recursive: true }))

describe.skipIf(!isThere('ssh-agent'))('OpenSSH’s own agent', () => {
  let agent: ChildProcess
  const env = () => ({ ...process.env, SSH_AUTH_SOCK: socket })
  /** A key that ssh-keygen makes and ssh-agent holds; its private file is removed. @returns the .pub file */
  const makeKey = (name: string, type = 'ed25519') => {
    const file = join(base, name)
    execFileSync('ssh-keygen', ['-q', '-t', type, '-N', '', '-C', name, '-f', file])
    execFileSync('ssh-add', ['-q', file], { env: env() })
    rmSync(file)
    return `${file}.pub`
  }
  const publicKey = (file: string) => sshPublicKey(readFileSync(file, 'utf8'))

  beforeEach(async () => {
    agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' })
    await expect.poll(() => existsSync(socket)).toBe(true)
  })
  afterEach(async () => {
    agent.kill()
    await once(agent, 'exit')
  })

  it('signs every kind, keys documents and rotations, so that a modem takes them; no private key is in any file', async () => {
    makeKey('another', 'ecdsa')
    const given = Object.fromEntries(['roots', ...roles].map((place) => [place, [publicKey(makeKey(place))]]))
    const folder = join(base, 'keys')
    const keys = await KeyFolder.create(folder, { now, given, agent: new SshAgent(socket) })
    const { trust } = newTrust(keys.roots)
    for (const { jws } of keys.documents) await trust.accept(bytesOf(jws))
    const accepted = async (kind: 'desired' | 'head' | 'request' | 'fleet') => {
      const jws = await keys.sign(kind, samples[kind])
      return (await verifyDocument(kind, bytesOf(jws), { trust, target, now })).payload
    }
    for (const kind of ['desired', 'head', 'request', 'fleet'] as const)
      expect(await accepted(kind)).toEqual(samples[kind])
    expect(readdirSync(folder).sort()).toEqual(['keys-1.jws', 'roots.json'])

    const fresh = { line: [publicKey(makeKey('line-2'))], roots: [publicKey(makeKey('roots-2'))] }
    const next = await keys.rotate({ replace: ['line', 'roots', 'fleet'], given: fresh, now })
    await trust.accept(bytesOf(next.jws))
    expect(await accepted('desired')).toEqual(samples.desired)
    expect(await accepted('fleet')).toEqual(samples.fleet)
    const { current } = keys
    expect(current.roles.line.keys).toEqual(fresh.line)
    expect(await keys.placeOf(current.roles.line.keys[0]!.kid)).toBe('agent')
    // Nobody gave one for the fleet: it is in a file, as ever.
    expect(await keys.placeOf(current.roles.fleet.keys[0]!.kid)).toBe('file')

    execFileSync('ssh-add', ['-q', '-D'], { env: env() })
    expect(await keys.placeOf(current.roles.line.keys[0]!.kid)).toBe('elsewhere')
    await expect(keys.sign('desired', samples.desired)).rejects.toEqual(refused('SIGN_NO_KEY'))
  })

  it('is not asked for what it does not hold: no rotation to a key that nobody could sign with', async () => {
    const keys = await KeyFolder.create(join(base, 'keys'), { now, agent: new SshAgent(socket) })
    const file = makeKey('line')
    execFileSync('ssh-add', ['-q', '-D'], { env: env() })
    const given = { line: [publicKey(file)] }
    await expect(keys.rotate({ replace: ['line'], given, now })).rejects.toEqual(
      refused('SIGN_NO_KEY', 'line'),
    )
    expect(keys.current.number).toBe(1)
  })

  it('serves the whole tool, by the profile’s socket', async () => {
    const bench = new CliBench()
    bench.sign = undefined
    try {
      await bench.start(['demo'])
      const profile = { url: bench.url, keysDir: 'keys', archiveDir: 'archive', agentSocket: socket }
      writeFileSync(bench.profileFile, JSON.stringify(profile))
      const key = (place: string) => ['--key', `${place}=${makeKey(place)}`]
      expect((await bench.run('keys', 'init', ...key('roots'), ...key('line'))).exit).toBe(0)
      const shown = await bench.run('keys', 'show')
      expect(shown.out).toMatch(/^roots +1 of 1 +\S+ +agent$/m)
      expect(shown.out).toMatch(/^line +1 of 1 +\S+ +agent$/m)
      expect(shown.out).toMatch(/^fleet +1 of 1 +\S+ +file$/m)
      expect((await bench.run('keys', 'publish')).exit).toBe(0)
      expect((await bench.run('line', 'enable', 'demo')).exit).toBe(0)
      const args = ['keys', 'rotate', 'line', ...key('line2').map((text) => text.replace('line2=', 'line='))]
      expect((await bench.run(...args, '--yes')).out).toContain('line: 1 of 1 document signed again')
      expect((await bench.run('line', 'disable', 'demo')).exit).toBe(0)
      const stray = await bench.run('keys', 'rotate', 'fleet', ...key('list'), '--yes')
      expect({ exit: stray.exit, err: stray.err }).toEqual({ exit: 2, err: expect.stringContaining('list') })
      const bad = join(base, 'bad.pub')
      writeFileSync(bad, 'ssh-rsa AAAA')
      expect((await bench.run('keys', 'rotate', 'line', '--key', `line=${bad}`, '--yes')).exit).toBe(2)
    } finally {
      await bench.stop()
    }
  })
})

describe('an agent that does not do as it should', () => {
  const blob = Buffer.concat([sshString('ssh-ed25519'), sshString(Buffer.alloc(32, 7))])
  const identities = (count: number) =>
    Buffer.concat([Buffer.of(12, 0, 0, 0, count), sshString(blob), sshString('a comment')])
  const wrongSignature = Buffer.concat([sshString('ssh-ed25519'), sshString(Buffer.alloc(64, 1))])
  let server: Server
  const answering = async (answers: Buffer[]) => {
    server = createServer((client) => {
      client.on('error', () => undefined)
      client.once('data', () => {
        const answer = answers.shift()
        if (answer) client.write(answer)
        else client.end()
      })
    }).listen(socket)
    await once(server, 'listening')
  }
  afterEach(() => void server?.close())

  it.each<[string, Buffer[], string]>([
    ['refuses', [sshString(Buffer.of(5))], 'it refused'],
    ['hangs up', [], 'it closed the connection'],
    ['answers something else', [sshString(Buffer.of(99))], 'kind 99'],
    ['answers nothing', [Buffer.from([0, 0, 0, 0, 0])], '0 octets'],
    ['answers without end', [Buffer.from([0xff, 0xff, 0xff, 0xff, 12])], '4294967295 octets'],
    ['has fewer keys than it says', [sshString(identities(2))], 'ends after'],
  ])('%s', async (_what, answers, text) => {
    await answering(answers)
    await expect(new SshAgent(socket).keys()).rejects.toEqual(refused('SIGN_AGENT_REFUSED', text))
  })

  it.each<[string, Buffer, string]>([
    ['signs wrongly', Buffer.concat([Buffer.of(14), sshString(wrongSignature)]), 'is wrong'],
    [
      'signs with half a signature',
      Buffer.concat([Buffer.of(14), sshString(sshString('ssh-ed25519'))]),
      'ends',
    ],
    [
      'signs by another algorithm',
      Buffer.concat([
        Buffer.of(14),
        sshString(Buffer.concat([sshString('ssh-rsa'), sshString(Buffer.alloc(64))])),
      ]),
      'ssh-rsa',
    ],
  ])('%s', async (_what, answer, text) => {
    await answering([sshString(identities(1)), sshString(answer)])
    const [key] = await new SshAgent(socket).keys()
    await expect(key!.sign(Buffer.from('x'))).rejects.toEqual(refused('SIGN_AGENT_REFUSED', text))
  })

  it('is not there', async () => {
    await expect(new SshAgent(socket).keys()).rejects.toEqual(refused('SIGN_AGENT_UNREACHABLE'))
  })
})

describe('SSH’s wire form', () => {
  it('whatever is read either is what was written, or an error', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 80 })), (strings) => {
        const reader = new SshReader(Buffer.concat(strings.map(sshString)))
        expect(strings.map(() => Uint8Array.from(reader.string()))).toEqual(strings)
        expect(() => reader.string()).toThrow('ends after')
      }),
    )
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), (octets) => {
        for (const read of [sshKeyOf, sshSignature])
          try {
            read(Buffer.from(octets))
          } catch (error) {
            expect(error).toBeInstanceOf(Error)
            expect(error).not.toBeInstanceOf(RangeError)
          }
      }),
    )
  })

  it.each(['', 'ssh-rsa AAAA', 'ssh-ed25519', 'ssh-ed25519 AAAA', 'sk-ssh-ed25519@openssh.com AAAA x'])(
    'refuses the public key %j',
    (text) => {
      expect(() => sshPublicKey(text)).toThrow()
    },
  )
})
