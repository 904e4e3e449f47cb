import { mkdtempSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join as joinPath } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command, InvalidArgumentError } from 'commander'
import { messageOf, SecureNetError } from '../module/base/error.ts'
import { FleetBackend } from './fleet/backend.ts'
import { histogramLines, quantileText } from './fleet/figures.ts'
import { Mosquitto } from './fleet/mosquitto.ts'
import {
  type Fleet,
  type FleetOptions,
  join,
  order,
  type PhaseResult,
  publishList,
  restart,
} from './fleet/phases.ts'
import { runWorker } from './fleet/worker.ts'
import { Workers } from './fleet/workers.ts'
import { Parts } from './household/parts.ts'
import { bytesText } from './operator/output.ts'

const BOUND_MS = 290_000

const SIMULATION =
  'A simulation: the module’s own control code (module/control) against a real mosquitto on loopback without TLS;' +
  ' state files and lists are in memory, and there is no DNS, no flash and no firewall behind it.'

const help = `
${SIMULATION}
Phases: modems join; every line is ordered on, with its first list; off again; on in one burst; a delta to all at
once; a snapshot to all, spread; the broker restarts and everybody comes back.
Ends by itself within five minutes and leaves nothing behind. docs/fleet.md has the figures.`

const number =
  (least: number, most: number) =>
  (text: string): number => {
    const value = Number(text)
    if (!Number.isInteger(value) || value < least || value > most)
      throw new InvalidArgumentError(`A whole number, ${least} to ${most}.`)
    return value
  }

function readOptions(): FleetOptions & { json?: boolean; workers: number } {
  return new Command('fleet')
    .description('a fleet of simulated modems against a real mosquitto')
    .option('--modems <n>', 'how many', number(1, 15_000), 5000)
    .option('--workers <n>', 'processes that the modems are spread over', number(1, 64), cpus().length)
    .option('--rate <n>', 'modems that join, and orders, a second', number(1, 10_000), 250)
    .option('--names <n>', 'names of the list', number(10, 1_000_000), 20_000)
    .option('--spread <seconds>', 'window of the snapshot', number(0, 120), 30)
    .option('--outage <seconds>', 'how long the broker is away', number(0, 60), 3)
    .option('--no-restart', 'leave the last phase out')
    .option('--json', 'one JSON document on stdout instead of text')
    .addHelpText('after', help)
    .action(() => undefined)
    .parse()
    .opts()
}

function costText({
  toModems,
  fromClients,
  brokerCpuMs,
  brokerRssBytes,
  fleetCpuMs,
}: NonNullable<PhaseResult['cost']>) {
  const memory = `broker ${(brokerCpuMs / 1000).toFixed(1)} s CPU and ${bytesText(brokerRssBytes)}`
  return `  MQTT: ${bytesText(toModems)} out of the broker, ${bytesText(fromClients)} into it; ${memory}; modems ${(fleetCpuMs / 1000).toFixed(1)} s CPU`
}

function phaseText({ phase, seconds, cost, quantiles, perSecond, figures }: PhaseResult): string {
  const facts = Object.entries(figures).map(([name, value]) => `${name} ${value}`)
  return [
    `${phase}: ${seconds} s${facts.length > 0 ? ` (${facts.join(', ')})` : ''}`,
    ...Object.entries(quantiles).map(([what, values]) => `  ${what}: ${quantileText(values)}`),
    ...Object.entries(perSecond).flatMap(([what, counts]) => [
      `  ${what} a second, most ${Math.max(0, ...counts)}:`,
      ...histogramLines(counts),
    ]),
    ...(cost ? [costText(cost)] : []),
  ].join('\n')
}

async function runPhases(
  fleet: Fleet,
  workers: number,
  tell: (result: PhaseResult) => void,
): Promise<PhaseResult[]> {
  const { names, rate, spreadSeconds } = fleet.options
  const results: PhaseResult[] = []
  const phases = [
    () => join(fleet, fileURLToPath(import.meta.url), workers),
    async () => {
      await fleet.backend.publishList(names, { newKey: false, spreadSeconds: 0 })
      return order(fleet, 'subscribe, with the first list', 'enabled', rate)
    },
    () => order(fleet, 'switch off', 'disabled', rate),
    () => order(fleet, 'switch on, in one burst', 'enabled', Number.POSITIVE_INFINITY),
    () =>
      publishList(fleet, 'delta to all, at once', {
        names: names + Math.ceil(names / 100),
        newKey: false,
        spreadSeconds: 0,
      }),
    () => publishList(fleet, 'snapshot to all, spread', { names, newKey: true, spreadSeconds }),
    ...(fleet.options.restart ? [() => restart(fleet)] : []),
  ]
  for (const phase of phases) {
    const result = await phase()
    results.push(result)
    tell(result)
  }
  return results
}

async function main(): Promise<void> {
  const { json, workers: processes, ...given } = readOptions()
  const { spread, outage, ...rest } = given as FleetOptions & { spread: number; outage: number }
  const options = { ...rest, spreadSeconds: spread, outageSeconds: outage }
  const folder = mkdtempSync(joinPath(tmpdir(), 'securenet-fleet-'))
  const parts = new Parts()
  parts.add({ stop: async () => rmSync(folder, { recursive: true, force: true }) })
  const end = async (code: number) => {
    await parts.stop()
    process.exit(code)
  }
  const fail = (error: unknown) => {
    const { code, remedy } = error instanceof SecureNetError ? error : { code: 'FLEET_FAILED', remedy: '' }
    process.stderr.write(`${code}: ${messageOf(error)}\n${remedy ? `${remedy}\n` : ''}`)
    void end(1)
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => void end(130))
  // Also keeps this process until every part has stopped: nothing else may be left that does.
  setTimeout(
    () => fail(new SecureNetError('FLEET_TOO_SLOW', `not done within ${BOUND_MS / 1000} s`, 'Fewer modems.')),
    BOUND_MS,
  )
  try {
    const mosquitto = parts.add(new Mosquitto(folder))
    await mosquitto.start()
    const backend = parts.add(new FleetBackend(mosquitto.url, folder))
    await backend.start()
    const workers = parts.add(new Workers())
    if (!json) process.stdout.write(`${SIMULATION}\n${options.modems} modems in ${processes} processes\n\n`)
    const tell = (result: PhaseResult) => void (json || process.stdout.write(`${phaseText(result)}\n\n`))
    const begin = performance.now()
    const phases = await runPhases({ options, mosquitto, backend, workers }, processes, tell)
    const memory = workers.total('rssBytes')
    const seconds = Math.round((performance.now() - begin) / 1000)
    const errors = [...new Set(workers.errors)]
    const summary = { simulation: true, date: new Date().toISOString(), ...options, processes, seconds }
    const fleet = { fleetRssBytes: memory, errors }
    if (json) process.stdout.write(`${JSON.stringify({ ...summary, ...fleet, phases })}\n`)
    else {
      process.stdout.write(`${seconds} s; the ${options.modems} modems hold ${bytesText(memory)} of memory\n`)
      if (errors.length > 0) process.stdout.write(`unexpected: ${errors.slice(0, 10).join('\n  ')}\n`)
    }
    await end(0)
  } catch (error) {
    fail(error)
  }
}

if (process.argv.includes('--worker')) runWorker()
else await main()
