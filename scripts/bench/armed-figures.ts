import { appendFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { messageOf } from '../../module/base/error.ts'
import { askDaemon } from '../../module/local/socket.ts'
import { type Bench, module, ownFolder } from './field.ts'
import { BLOCK_ADDRESS, dnsmasq, findProgram } from './peers.ts'

const IDLE_SECONDS = 30
const ARMED_WITHIN_MS = 30_000

/** A network of its own with one interface of a LAN, and in it the stock resolver beside what is started. */
const modemNetwork = (stockConfig: string) => [
  'unshare',
  '--net',
  // /sys shows the interfaces of whoever mounted it.
  '--mount',
  'sh',
  '-c',
  `mount -t sysfs sysfs /sys && ip link set lo up && ip address add ${BLOCK_ADDRESS}/32 dev lo \
&& ip link add br-lan type bridge && ip address add 192.168.1.1/24 dev br-lan && ip link set br-lan up \
&& { setpriv --pdeathsig TERM dnsmasq -C ${stockConfig} & } && exec "$@"`,
  'modem',
]

interface Status {
  protecting: boolean
  interception: { armed: string[] } | null
}

/** With interception armed and its lease renewed, in a network namespace; as root, where there are nft and ip. */
export async function measureArmed(bench: Bench): Promise<void> {
  if (
    process.getuid?.() !== 0 ||
    ['unshare', 'setpriv', 'ip', 'nft'].some((program) => !findProgram(program))
  ) {
    bench.say('armed: left out, it needs root, unshare, setpriv, ip and nft')
    return
  }
  const folder = ownFolder(bench, 'armed-stock')
  const stock = await dnsmasq({ folder, listed: [], upstream: bench.origin.port })
  // Its own names are all that it can answer there: the origin is beyond this network.
  appendFileSync(`${folder}/dnsmasq.conf`, 'local=/lan/\n')
  const ours = await module(bench, {
    upstream: stock.port,
    name: 'armed',
    interfaces: ['br-lan'],
    addresses: [BLOCK_ADDRESS],
    within: modemNetwork(`${folder}/dnsmasq.conf`),
  })
  ours.spawn()
  try {
    await armed(ours.runDir)
    await sleep(5000)
    const before = ours.cpuSeconds()
    await sleep(IDLE_SECONDS * 1000)
    bench.found({
      figure: `idle CPU over ${IDLE_SECONDS} s, interception armed, no broker`,
      unit: '% of a core',
      ours: [((ours.cpuSeconds() - before) / IDLE_SECONDS) * 100],
      goal: { of: 'ours', most: 0.5 },
    })
    if (!(await statusOf(ours.runDir))?.interception?.armed.length)
      throw new Error(`it was armed no longer:\n${ours.log()}`)
  } catch (error) {
    throw new Error(`interception was not armed: ${messageOf(error)}\n${ours.log()}`, { cause: error })
  } finally {
    await ours.stop()
  }
}

const statusOf = (runDir: string) => askDaemon(runDir, '/status').catch(() => null) as Promise<Status | null>

async function armed(runDir: string): Promise<void> {
  const until = performance.now() + ARMED_WITHIN_MS
  while (!(await statusOf(runDir))?.interception?.armed.length) {
    if (performance.now() > until)
      throw new Error(
        `${ARMED_WITHIN_MS} ms have passed: ${JSON.stringify((await statusOf(runDir))?.interception)}`,
      )
    await sleep(100)
  }
}
