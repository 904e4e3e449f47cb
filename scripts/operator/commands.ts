import { type Command, InvalidArgumentError, Option } from 'commander'
import { Context, type GlobalOptions, type World } from './context.ts'
import { exitCodes, failure } from './exit.ts'

/** Adds a group of commands to the program. */
export type AddCommands = (program: Command, world: World) => void

/** The words of a command as they were typed, without program and script. */
function typed(command: Command): string {
  return (rootOf(command) as Command & { rawArgs: string[] }).rawArgs.join(' ')
}

function rootOf(command: Command): Command {
  return command.parent ? rootOf(command.parent) : command
}

/** The action of a command: with its surroundings, which are closed whatever happens. */
export async function within(
  world: World,
  command: Command,
  act: (context: Context) => Promise<void>,
): Promise<void> {
  const context = new Context(world, command.optsWithGlobals<GlobalOptions>(), typed(command))
  try {
    await act(context)
  } catch (error) {
    await context.close(failure(error)).catch(() => undefined)
    throw error
  }
  await context.close({ exit: exitCodes.ok })
}

/** Flags of everything that changes many lines. */
export interface ManyLines {
  dryRun?: boolean
  yes?: boolean
}

/** Shown by its --help. */
export const manyLines = {
  dryRun: ['--dry-run', 'show what would be done, and do nothing'],
  yes: ['-y, --yes', 'go on without asking; needed where no person sits at the terminal'],
} as const

export function parseMs(text: string): number {
  const seconds = Number(text)
  if (!(seconds > 0) || seconds > 3600) throw new InvalidArgumentError('Seconds, above 0, 3600 at most.')
  return Math.round(seconds * 1000)
}

/** Given in seconds; the command gets milliseconds. */
export function timeoutOption(whom: string, seconds = 10): Option {
  return new Option('--timeout <seconds>', `wait so long for ${whom}`)
    .argParser(parseMs)
    .default(seconds * 1000, String(seconds))
}
