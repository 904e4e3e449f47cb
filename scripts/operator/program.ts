import { Command, CommanderError, Option } from 'commander'
import { addBrokerCommands } from './commands/broker.ts'
import { addCompletionCommand } from './commands/completion.ts'
import { addFleetCommands } from './commands/fleet.ts'
import { addFollowCommand } from './commands/follow.ts'
import { addKeysCommands } from './commands/keys.ts'
import { addLineCommands } from './commands/line.ts'
import { addListCommands } from './commands/list.ts'
import { addPackCommands } from './commands/pack.ts'
import { addGroupCommands, addRegisterCommands } from './commands/register.ts'
import { addRequestCommands } from './commands/request.ts'
import { addWatchCommand } from './commands/watch.ts'
import { parseMs } from './commands.ts'
import type { World } from './context.ts'
import { type ExitCode, exitCodes, failure, type OperatorError, usage } from './exit.ts'
import { BuildStopped } from './list/build-report.ts'
import { reportJson } from './list-report.ts'
import { defaultAnswerMs } from './mqtt/connect.ts'
import { jsonLine, printable } from './output.ts'

const help = `
Examples:
  operator line disable demo --reason customer
  operator list status --json
  operator pack enable family-1234.json --dry-run
  operator --profile production.json fleet pause --percent 10

Without --profile the household of \`npm start\` is meant. Exit codes: 0 done, as modems have reported it, 1 refused or
failed, 2 wrong use, 3 broker not reachable, lost or mute, 4 no report in time. docs/operating.md tells a day in the life.`

function inherit(command: Command, world: World): void {
  command.exitOverride().configureOutput({ writeOut: world.terminal.out, writeErr: world.terminal.err })
  command.showHelpAfterError('(--help shows the use)')
  for (const sub of command.commands) inherit(sub, world)
}

export function createProgram(world: World): Command {
  const program = new Command('operator')
    .description(
      'The operator’s side of Secure Net: lines, packs, lists, keys, fleet, and the register of what was ordered.',
    )
    .option('--profile <file>', 'how the broker is reached and where keys and lists lie')
    .option(
      '--json',
      'JSON on stdout instead of text: one document, or one a line where there are many results',
    )
    .option('--who <name>', 'who does it, for the journal; SECURENET_WHO or the account where left out')
    .option('--why <text>', 'why, for the journal')
    .option('--ticket <id>', 'of whose request it is, for the journal')
    .addOption(
      new Option('--broker-timeout <seconds>', 'so long the broker may take for one answer')
        .argParser(parseMs)
        .default(defaultAnswerMs, String(defaultAnswerMs / 1000)),
    )
    .addHelpText('after', help)
  addLineCommands(program, world)
  addPackCommands(program, world)
  addListCommands(program, world)
  addFleetCommands(program, world)
  addRequestCommands(program, world)
  addKeysCommands(program, world)
  addWatchCommand(program, world)
  addFollowCommand(program, world)
  addRegisterCommands(program, world)
  addGroupCommands(program, world)
  addBrokerCommands(program, world)
  addCompletionCommand(program, world)
  inherit(program, world)
  return program
}

function wrongUse({ message }: CommanderError): OperatorError {
  // Without a command it is the help that was printed, and no message.
  const text = message.startsWith('error: ') ? message.slice('error: '.length) : 'a command is missing'
  return usage(text, '--help after a command shows its use.')
}

/** A script must see what the guards found, or it could only show that something is wrong. */
const stoppedReport = (error: unknown) =>
  error instanceof BuildStopped ? { report: reportJson(error.report) } : {}

/** @param args without program and script */
export async function runOperator(args: readonly string[], world: World): Promise<ExitCode> {
  try {
    await createProgram(world).parseAsync(args, { from: 'user' })
    return exitCodes.ok
  } catch (error) {
    // commander has said what is wrong, to a person; asking for --help is no error.
    const isUsage = error instanceof CommanderError
    if (isUsage && error.exitCode === 0) return exitCodes.ok
    const { exit, code, message, remedy } = failure(isUsage ? wrongUse(error) : error)
    if (isUsage && !args.includes('--json')) return exit
    if (args.includes('--json'))
      world.terminal.out(jsonLine({ error: { code, message, remedy, ...stoppedReport(error) } }))
    else
      for (const line of [`${code}: ${message}`, remedy]) if (line) world.terminal.err(`${printable(line)}\n`)
    return exit
  }
}
