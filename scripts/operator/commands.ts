import type { Command } from 'commander'
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
