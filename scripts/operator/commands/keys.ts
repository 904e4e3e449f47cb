import type { AddCommands } from '../commands.ts'
export const addKeysCommands: AddCommands = () => {}
