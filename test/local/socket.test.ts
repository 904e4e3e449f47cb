import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { SecureNetError } from '../../module/base/error.ts'
import { createLog } from '../../module/base/log.ts'
import { askDaemon, type LocalHandlers, LocalSocket } from '../../module/local/socket.ts'

describe('local socket', () => {
  let runDir: string
  let told: unknown[]
  let socket: LocalSocket
  const handlers: LocalHandlers = {
    status: () => ({ serving: true }),
    check: async (name) => ({ name, blocked: true }),
    selfTest: async () => {
      throw new SecureNetError('SELF_TEST_BUSY', 'one is running', 'Wait for it.')
    },
    support: async () => ({ lines: 'x'.repeat(200_000) }),
    activeInterface: (name) => void told.push(name),
  }
  beforeEach(() => {
    runDir = mkdtempSync(join(tmpdir(), 'securenet-run-'))
    told = []
    socket = new LocalSocket({ runDir: join(runDir, 'deep'), handlers, log: createLog(() => undefined) })
  })
  afterEach(async () => {
    await socket.stop()
    rmSync(runDir, { recursive: true, force: true })
  })
  const ask = (path: string, options?: Parameters<typeof askDaemon>[2]) =>
    askDaemon(join(runDir, 'deep'), path, options)

  it('answers each question, and only its owner may ask', async () => {
    await socket.start()
    expect(statSync(join(runDir, 'deep', 'control.sock')).mode & 0o777).toBe(0o600)
    expect(statSync(join(runDir, 'deep')).mode & 0o777).toBe(0o700)
    expect(await ask('/status')).toEqual({ serving: true })
    expect(await ask('/check?name=evil.example')).toEqual({ name: 'evil.example', blocked: true })
    expect(await ask('/support')).toEqual({ lines: 'x'.repeat(200_000) })
    for (const name of ['wan', 'wwan_4', null])
      await ask('/active-interface', { method: 'POST', body: { interface: name } })
    expect(told).toEqual(['wan', 'wwan_4', null])
  })

  it.each<[string, string, Parameters<typeof askDaemon>[2], string]>([
    ['a handler’s own error', '/self-test', { method: 'POST' }, 'SELF_TEST_BUSY'],
    ['a wrong method', '/self-test', {}, 'LOCAL_UNKNOWN'],
    ['an unknown path', '/__proto__', {}, 'LOCAL_UNKNOWN'],
    ['no name', '/check', {}, 'LOCAL_BAD_REQUEST'],
    ['a name too long', `/check?name=${'a'.repeat(254)}`, {}, 'LOCAL_BAD_REQUEST'],
    [
      'a hostile interface',
      '/active-interface',
      { method: 'POST', body: { interface: 'a;b' } },
      'LOCAL_BAD_REQUEST',
    ],
    ['no interface', '/active-interface', { method: 'POST' }, 'LOCAL_BAD_REQUEST'],
    ['a body too long', '/active-interface', { method: 'POST', body: 'x'.repeat(5000) }, 'LOCAL_BAD_REQUEST'],
  ])('says what is wrong with %s', async (_what, path, options, code) => {
    await socket.start()
    await expect(ask(path, options)).rejects.toMatchObject({ code })
  })

  it('says that no daemon runs: no socket, and one that was left behind', async () => {
    await expect(ask('/status')).rejects.toMatchObject({ code: 'DAEMON_NOT_RUNNING' })
    await socket.start()
    await socket.stop()
    await expect(ask('/status')).rejects.toMatchObject({ code: 'DAEMON_NOT_RUNNING' })
  })

  it('takes over what a killed daemon left, but not from a living one', async () => {
    await socket.start()
    const second = new LocalSocket({
      runDir: join(runDir, 'deep'),
      handlers,
      log: createLog(() => undefined),
    })
    await expect(second.start()).rejects.toMatchObject({ code: 'DAEMON_ALREADY_RUNNING' })
    expect(await ask('/status')).toEqual({ serving: true })
    await socket.stop()
    const dead = join(runDir, 'deep', 'control.sock')
    writeFileSync(dead, '')
    await second.start()
    expect(await ask('/status')).toEqual({ serving: true })
    await second.stop()
  })

  it('gives up on a daemon that hangs', async () => {
    await socket.start()
    await socket.stop()
    const hanging = createServer(() => undefined).listen(join(runDir, 'deep', 'control.sock'))
    await expect(ask('/status', { timeoutMs: 100 })).rejects.toMatchObject({ code: 'DAEMON_NO_ANSWER' })
    hanging.close()
  })

  it('refuses a folder whose name is too long for a socket', async () => {
    const long = new LocalSocket({
      runDir: `/tmp/${'a'.repeat(120)}`,
      handlers,
      log: createLog(() => undefined),
    })
    await expect(long.start()).rejects.toMatchObject({ code: 'RUNDIR_PATH_TOO_LONG' })
  })
})
