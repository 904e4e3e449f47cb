import { type Command, InvalidArgumentError, Option } from 'commander'
import { Context, type GlobalOptions, type World } from './context.ts'

/** Adds a group of commands to the program. */
export type AddCommands = (program: Command, world: World) => void

/** The action of a command: with its surroundings, which are closed whatever happens. */
export async function within(
  world: World,
  command: Command,
  act: (context: Context) => Promise<void>,
): Promise<void> {
  const context = new Context(world, command.optsWithGlobals<GlobalOptions>())
  try {
    await act(context)
  } finally {
    await context.close()
  }
}

/** Flags of everything that changes many lines. */
export interface ManyLines {
  dryRun?: boolean
  yes?: boolean
}

/** Shown by its --help. */
export const manyLines = {
  dryRun: ['--dry-run', 'show what would be done, and do nothing'],
  yes: ['-y, --yes', 'go on without asking; needed where nobody sits at the terminal'],
} as const

function parseMs(text: string): number {
  const seconds = Number(text)
  if (!(seconds > 0) || seconds > 3600) throw new InvalidArgumentError('Seconds, above 0, 3600 at most.')
  return Math.round(seconds * 1000)
}

/** Given in seconds, ten where left out; the command gets milliseconds. */
export function timeoutOption(whom: string): Option {
  return new Option('--timeout <seconds>', `wait so long for ${whom}`)
    .argParser(parseMs)
    .default(10_000, '10')
}
