import { describe, expect, test } from 'vitest'
import {
  addServiceAddresses,
  missingAddresses,
  removeServiceAddresses,
} from '../../module/platform/service-addresses.ts'
import { type RunCommand, run } from '../../module/platform/spawn.ts'

describe('run', () => {
  test('passes arguments and input as they are, without a shell', async () => {
    expect(await run(['printf', '%s', '$(id); `id` | cat'])).toEqual({
      code: 0,
      stdout: '$(id); `id` | cat',
      stderr: '',
    })
    expect(await run(['cat'], { stdin: 'input\n' })).toMatchObject({ code: 0, stdout: 'input\n' })
    expect(await run(['sh', '-c', 'echo no >&2; exit 3'])).toEqual({ code: 3, stdout: '', stderr: 'no\n' })
  })

  test('a child that does not read its input is no error', async () => {
    expect(await run(['true'], { stdin: 'x'.repeat(1 << 20) })).toMatchObject({ code: 0 })
  })

  test.each([
    ['SPAWN_NOT_FOUND', () => run(['securenet-no-such-tool'])],
    ['SPAWN_TIMEOUT', () => run(['sleep', '30'], { timeoutMs: 50 })],
    ['SPAWN_OUTPUT', () => run(['yes'], { maxBytes: 1000 })],
    ['SPAWN_ABORTED', () => run(['sleep', '30'], { signal: AbortSignal.timeout(20) })],
    ['SPAWN_ABORTED', () => run(['sleep', '30'], { signal: AbortSignal.abort() })],
  ])('%s', async (code, attempt) => {
    await expect(attempt()).rejects.toMatchObject({ code })
  })
})

describe('service addresses', () => {
  function recorded(stderr = '') {
    const argvs: string[] = []
    const fake: RunCommand = async (argv) => {
      argvs.push(argv.join(' '))
      return { code: stderr ? 2 : 0, stdout: '', stderr }
    }
    return { argvs, fake }
  }

  test('are added and removed by ip', async () => {
    const { argvs, fake } = recorded()
    await addServiceAddresses(fake, ['198.18.53.53', 'fd53::53'])
    await removeServiceAddresses(fake, ['fd53::53'])
    expect(argvs).toEqual([
      'ip -4 address replace 198.18.53.53/32 dev lo',
      'ip -6 address replace fd53::53/128 dev lo nodad',
      'ip -6 address del fd53::53/128 dev lo',
    ])
  })

  test('one that is gone already is no error; a refusal is', async () => {
    const gone = recorded('RTNETLINK answers: Cannot assign requested address')
    await removeServiceAddresses(gone.fake, ['198.18.53.53'])
    const denied = recorded('RTNETLINK answers: Operation not permitted')
    await expect(addServiceAddresses(denied.fake, ['198.18.53.53'])).rejects.toMatchObject({
      code: 'SERVICE_ADDRESS',
    })
  })

  test('those that no interface carries are named', () => {
    const here = { lo: [{ address: '127.0.0.1' }, { address: 'fd53::53' }] } as never
    expect(missingAddresses(['fd53::53', '198.18.53.53'], here)).toEqual(['198.18.53.53'])
  })
})
