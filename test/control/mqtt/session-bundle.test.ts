import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { expect, it } from 'vitest'
import { waitLimitMs } from '../../helpers/limits.ts'
import { makeCertificates, mosquittoMissing, startMosquitto } from '../broker.ts'

const main = `
import { Session } from './module/control/mqtt/session.ts'
import { systemClock } from './module/base/clock.ts'
const [url, caFile, certFile, keyFile] = process.argv.slice(2)
const nothing = () => undefined
const session = new Session({
  broker: { url, caFile, certFile, keyFile }, clientId: 'm1', keepaliveSeconds: 5, clock: systemClock,
  log: { debug: nothing, info: nothing, warn: (...all) => console.log(...all), error: nothing },
  random: Math.random, clockSane: () => true,
  presence: () => ({ topic: 'p', payload: Buffer.from('{}') }),
})
session.subscribe('echo', ({ payload }) => {
  console.log('received', payload.length, session.status().protocol)
  session.stop()
})
session.onChange(() => session.publish('echo', Buffer.alloc(65536)))
session.start()
`

it.skipIf(mosquittoMissing)(
  'connects over TLS from a bundle without node_modules, within its room',
  async () => {
    const root = resolve(import.meta.dirname, '../../..')
    const folder = mkdtempSync(join(tmpdir(), 'securenet-bundle-'))
    const { ca, files } = makeCertificates(folder, ['m1'])
    const [cert, key] = files('broker')
    const broker = await startMosquitto({ tls: { ca, cert: cert!, key: key! } })
    try {
      const path = join(root, 'scripts/bundle/aliases.mjs')
      const { aliases } = await import(path)
      const outfile = join(folder, 'out.cjs')
      await build({
        stdin: { contents: main, resolveDir: root, loader: 'ts' },
        bundle: true,
        format: 'cjs',
        platform: 'node',
        target: 'node20',
        minify: true,
        alias: aliases,
        outfile,
      })
      writeFileSync(join(folder, 'package.json'), '{}')
      const { stdout } = await promisify(execFile)(
        process.execPath,
        [outfile, broker.broker.url, ca, ...files('m1')],
        {
          cwd: folder,
          timeout: waitLimitMs,
          env: {},
        },
      )
      expect(stdout).toBe('received 65536 5\n')
      expect(statSync(outfile).size).toBeLessThan(136 * 1024)
    } finally {
      await broker.stop()
      broker.remove()
      rmSync(folder, { recursive: true, force: true })
    }
  },
)
