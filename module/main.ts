import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { isMainThread } from 'node:worker_threads'
import { systemClock } from './base/clock.ts'
import { codeOf, messageOf, SecureNetError } from './base/error.ts'
import { createLog } from './base/log.ts'
import { parseArguments, USAGE_TEXT } from './cli/arguments.ts'
import { askCommand } from './cli/ask.ts'
import { parseConfig } from './config/load.ts'
import { Daemon } from './daemon/daemon.ts'
import { LogRing } from './diagnostics/log-ring.ts'
import { run as runCommand } from './platform/spawn.ts'
import { runThread } from './query-worker.ts'
import { version } from './version.ts'

const USAGE = 2
const NOT_RUNNING = 3
const FAILED = 1

/** 1 is an answer of `check`: not blocked. So what went wrong is another. */
function exitCodeOf(code: string, verb: string | undefined): number {
  if (code === 'USAGE') return USAGE
  if (code === 'DAEMON_NOT_RUNNING') return NOT_RUNNING
  return verb === 'check' ? USAGE : FAILED
}

function explain(error: unknown, verb: string | undefined): number {
  const code = codeOf(error)
  process.stderr.write(`securenet: ${code}: ${messageOf(error)}\n`)
  if (error instanceof SecureNetError && error.remedy !== '') process.stderr.write(`  ${error.remedy}\n`)
  return exitCodeOf(code, verb)
}

function readConfig(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new SecureNetError('CONFIG_MISSING', messageOf(error), 'Name the configuration with --config FILE.')
  }
}

/** Serves until SIGTERM or SIGINT; whatever throws unseen ends the process, and the lease ends with it. */
async function run(configPath: string): Promise<number> {
  const config = parseConfig(readConfig(configPath))
  const ring = new LogRing()
  const write = (line: string) => {
    process.stderr.write(line)
    ring.add(line)
  }
  const daemon = new Daemon({
    ...{ config, ring, run: runCommand, clock: systemClock, random: Math.random },
    log: createLog(write, config.logLevel),
    program: process.argv[1]!,
    bootId: randomBytes(8).toString('hex'),
  })
  const asked = new Promise<string>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => resolve(signal))
  })
  await daemon.start()
  await asked
  await daemon.stop()
  return 0
}

async function main(argv: readonly string[]): Promise<number> {
  // procd's jail hands no environment over, and nft and ip are where a default search path does not look.
  process.env['PATH'] ??= '/usr/sbin:/usr/bin:/sbin:/bin'
  const args = parseArguments(argv)
  if (args.verb === 'help' || args.verb === 'version') {
    process.stdout.write(args.verb === 'help' ? USAGE_TEXT : `${version}\n`)
    return 0
  }
  if (args.verb === 'run') return run(args.config)
  if (args.verb === 'check-config') {
    parseConfig(readConfig(args.config))
    return 0
  }
  // https://no-color.org
  const colour = process.stdout.isTTY === true && !process.env['NO_COLOR']
  return askCommand(args, { out: (text) => process.stdout.write(text), colour })
}

if (isMainThread)
  main(process.argv.slice(2)).then(
    (code) => process.exit(code),
    (error) => process.exit(explain(error, process.argv[2])),
  )
else runThread()
