/** The program as it is shipped, with the add-on, without it, and where its system calls are refused. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { whyNotCompiled } from '../../scripts/compile-batch.mjs'
import { freePort } from '../../scripts/free-port.ts'
import { burst } from '../helpers/burst.ts'
import { type Bundle, buildBundle } from '../rootfs/bundle.ts'

const missing = whyNotCompiled(process.arch)
if (missing) console.log(`skipped: the bundle with datagrams in batches, ${missing}; apt-get install gcc`)

let bundle: Bundle
let folder: string
beforeAll(() => {
  bundle = buildBundle()
  folder = mkdtempSync(join(tmpdir(), 'securenet-batch-bundle-'))
  cpSync(bundle.folder, join(folder, 'bare'), { recursive: true })
  rmSync(join(folder, 'bare', 'batch.node'), { force: true })
  const source = join(import.meta.dirname, '..', 'platform', 'batch', 'refuse-calls.c')
  if (!missing) execFileSync('gcc', ['-o', join(folder, 'refuse-calls'), source])
}, 120_000)
afterAll(() => {
  bundle.remove()
  rmSync(folder, { recursive: true, force: true })
})

const running: ChildProcess[] = []
afterEach(async () => {
  for (const child of running.splice(0)) {
    if (child.exitCode !== null) continue
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
})

async function start(program: string, threads: number, within: readonly string[]) {
  const [port, page] = [await freePort(), await freePort()]
  const own = mkdtempSync(join(folder, 'modem-'))
  for (const name of ['data', 'run']) mkdirSync(join(own, name))
  writeFileSync(join(own, 'roots.json'), '{}')
  const config = join(own, 'config.json')
  const settings = {
    ...{ modemId: 'modem', dataDir: join(own, 'data'), runDir: join(own, 'run'), lines: [{ id: 'line' }] },
    dns: {
      listen: ['127.0.0.1', '::1'].map((address) => ({ address, port })),
      threads,
    },
    upstream: { servers: [{ address: '127.0.0.1', port: await freePort() }] },
    page: { listen: [{ address: '127.0.0.1', port: page }], ipv4: '198.18.0.53' },
    trust: { rootsFile: join(own, 'roots.json') },
  }
  writeFileSync(config, JSON.stringify(settings))
  const [command, ...args] = [...within, process.execPath, program, 'run', '--config', config]
  const child = spawn(command!, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  running.push(child)
  let log = ''
  child.stderr!.on('data', (text) => {
    log += text
  })
  await expect.poll(() => log, { timeout: 60_000 }).toContain('page-listening')
  if (threads > 1) await expect.poll(() => log, { timeout: 60_000 }).toContain('thread-serving')
  return { port, log: () => log }
}

describe.each([1, 2])('the bundle, %i answering', (threads) => {
  it.skipIf(missing).each([
    ['with the add-on', () => bundle.file, () => [], ''],
    ['without it', () => join(folder, 'bare', 'securenet.cjs'), () => [], 'udp-batch-off'],
    [
      'where its system calls are refused',
      () => bundle.file,
      () => [join(folder, 'refuse-calls')],
      'recvmmsg: EPERM',
    ],
  ])(
    '%s: a burst is answered to the last',
    async (_, program, within, said) => {
      const { port, log } = await start(program(), threads, within())
      for (const address of ['127.0.0.1', '::1'])
        expect(await burst(port, 'localhost', 200, address)).toEqual(
          Array.from({ length: 200 }, (_, id) => id),
        )
      if (said === '') expect(log()).not.toContain('udp-batch-off')
      else expect(log()).toContain(said)
    },
    120_000,
  )
})
