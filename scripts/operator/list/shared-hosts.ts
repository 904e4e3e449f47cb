import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Countries with a file of banks and authorities. */
export const countries = ['be'] as const
export type Country = (typeof countries)[number]

function readHosts(file: string): string[] {
  return readFileSync(join(import.meta.dirname, file), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
}

/** @returns hosts that very many share, and banks and authorities of a country: no list of threats has a reason to hold one */
export function sharedHosts(country?: Country): string[] {
  return [...readHosts('shared-hosts.txt'), ...(country ? readHosts(`shared-hosts-${country}.txt`) : [])]
}
