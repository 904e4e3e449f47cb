import type { AddCommands } from '../commands.ts'
export const addListCommands: AddCommands = () => {}
