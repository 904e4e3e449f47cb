import { join } from 'node:path'
import { messageOf, SecureNetError } from '../module/base/error.ts'
import { Backend } from './household/backend.ts'
import { EmbeddedBroker } from './household/broker.ts'
import { DemoUpstream } from './household/demo-upstream.ts'
import { type Home, leaveHome, prepareHome } from './household/home.ts'
import { household, writeModuleConfig } from './household/module-config.ts'
import { ModuleProcess } from './household/module-process.ts'
import { Parts } from './household/parts.ts'
import { checkPorts, hasIpv6Loopback, type PortUse } from './household/ports.ts'
import { readyBlock } from './household/ready.ts'
import { modemRuntime } from './household/runtime.ts'
import { projectRoot, readSettings, type Settings } from './household/settings.ts'
import { onStopWanted } from './household/stop-signals.ts'
import {
  answers,
  firstAnswering,
  type Resolver,
  resolverText,
  systemResolvers,
} from './household/upstream.ts'
import { blockedInDns, ModuleWatch } from './household/watch-module.ts'

const PROTECTING_WITHIN_MS = 180_000

const say = (step: string, text: string) => void process.stdout.write(`${step.padEnd(11)} ${text}\n`)

function portsOf({ dnsPort, pagePort }: Settings, addresses: readonly string[]): PortUse[] {
  return addresses.flatMap((address): PortUse[] => [
    { what: 'DNS', protocol: 'UDP', address, port: dnsPort, variable: 'SECURENET_DNS_PORT' },
    { what: 'DNS', protocol: 'TCP', address, port: dnsPort, variable: 'SECURENET_DNS_PORT' },
    { what: 'page', protocol: 'TCP', address, port: pagePort, variable: 'SECURENET_PAGE_PORT' },
  ])
}

/** The resolver behind the module: the one that was named, the system's, or one that invents its answers. */
async function chooseUpstream(settings: Settings, parts: Parts): Promise<Resolver> {
  if (settings.upstream) {
    const works = await answers(settings.upstream)
    const warning = works ? '' : '; it does not answer now, so names that are not listed will not resolve'
    say('upstream', `${resolverText(settings.upstream)} (SECURENET_UPSTREAM)${warning}`)
    return settings.upstream
  }
  const system = systemResolvers()
  const found = await firstAnswering(system)
  if (found) {
    say('upstream', `${resolverText(found)} (this system's resolver)`)
    return found
  }
  const demo = await parts.add(new DemoUpstream()).start()
  const why =
    system.length === 0
      ? 'this system names no resolver'
      : `${system.map(resolverText).join(', ')} does not answer`
  say('upstream', `embedded demo resolver: every name has the documentation address 192.0.2.1 (${why})`)
  return demo
}

function moduleProcess(home: Home, fail: (error: unknown) => void): ModuleProcess {
  const { env, flags } = modemRuntime()
  const bundle = join(projectRoot, 'dist', 'securenet', 'securenet.cjs')
  return new ModuleProcess({
    env,
    command: [process.execPath, ...flags, bundle, 'run', '--config', home.configFile],
    logFile: home.moduleLog,
    say: (line) => say('module', line),
    giveUp: fail,
  })
}

async function bringUp(parts: Parts, fail: (error: unknown) => void, verbose: boolean): Promise<void> {
  const detail = verbose ? say : () => undefined
  const settings = readSettings(process.env)
  const ipv6 = await hasIpv6Loopback()
  const addresses = ipv6 ? ['127.0.0.1', '::1'] : ['127.0.0.1']
  if (!ipv6) say('note', 'this machine has no IPv6: the module listens on 127.0.0.1 only, not on ::1')
  const brokerPort: PortUse = {
    what: 'MQTT',
    protocol: 'TCP',
    address: '127.0.0.1',
    port: settings.mqttPort,
    variable: 'SECURENET_MQTT_PORT',
  }
  await checkPorts([...portsOf(settings, addresses), brokerPort])
  const home = prepareHome(settings.home)
  parts.add({ stop: async () => leaveHome(home) })
  detail('home', home.folder)
  const upstream = await chooseUpstream(settings, parts)
  const brokerUrl = await parts.add(new EmbeddedBroker(brokerPort)).start()
  detail('broker', brokerUrl)
  const backend = parts.add(new Backend({ home, brokerUrl, lineId: household.lineId, say, detail }))
  const { list, listedName } = await backend.start()

  writeModuleConfig({ home, settings, addresses, upstream, brokerUrl, list })
  const watch = new ModuleWatch(say)
  await watch.start(backend.broker)
  const module = parts.add(moduleProcess(home, fail))
  module.start()
  detail('module', `dist/securenet/securenet.cjs, its own process; log ${home.moduleLog}`)
  try {
    await watch.protecting(PROTECTING_WITHIN_MS)
    if (!(await blockedInDns(settings.dnsPort, listedName, 5000)))
      throw new SecureNetError(
        'HOUSEHOLD_NOT_BLOCKING',
        `${listedName} is listed, but DNS does not answer with the page`,
      )
  } catch (error) {
    throw new Error(`${messageOf(error)}\n${module.logTail()}`, { cause: error })
  }
  module.served()
  process.stdout.write(`\n${'ready'.padEnd(11)} ${readyBlock(settings, listedName)}\n`)
}

const USAGE = `npm start [-- --verbose]: a protected household on this machine, until Ctrl-C
  --verbose                        also what builders of the module need: folders, broker, keys, log
  SECURENET_DNS_PORT (5300), SECURENET_PAGE_PORT (8053), SECURENET_MQTT_PORT (18830)
  SECURENET_UPSTREAM=ADDRESS:PORT  the resolver behind it
`

/** @returns whether everything is to be told */
function isVerbose(argv: readonly string[]): boolean {
  if (argv.every((argument) => argument === '--verbose')) return argv.length > 0
  const wanted = argv.every((argument) => ['--help', '-h', '--verbose'].includes(argument))
  process[wanted ? 'stdout' : 'stderr'].write(USAGE)
  process.exit(wanted ? 0 : 2)
}

async function main(): Promise<void> {
  const verbose = isVerbose(process.argv.slice(2))
  const parts = new Parts()
  let ending = false
  const end = async (code: number) => {
    if (ending) return
    ending = true
    await parts.stop()
    process.exit(code)
  }
  const fail = (error: unknown) => {
    if (ending) return
    const remedy = error instanceof SecureNetError && error.remedy ? `\n${error.remedy}` : ''
    process.stderr.write(`household: ${messageOf(error)}${remedy}\n`)
    void end(1)
  }
  onStopWanted((why) => {
    say('stopping', `(${why})`)
    void end(0)
  })
  process.on('uncaughtException', fail)
  process.on('unhandledRejection', fail)
  // A terminal that has gone must not keep the parts from being stopped.
  process.stdout.on('error', () => void end(0))
  await bringUp(parts, fail, verbose).catch(fail)
}

await main()
