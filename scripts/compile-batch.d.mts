export const BATCH_FILE: string
export function compileBatch(cpu: string, file: string, options: { root: string }): string | null
export function whyNotCompiled(cpu: string): string | null
