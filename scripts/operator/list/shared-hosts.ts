import { hostsOfAll } from './hosts-of-all.ts'
import { hostsOfBelgium } from './hosts-of-belgium.ts'

const ofCountry = { be: hostsOfBelgium } as const
export type Country = keyof typeof ofCountry

/** Countries whose banks and authorities are known. */
export const countries = Object.keys(ofCountry) as readonly Country[]

/** @returns hosts that very many share, and banks and authorities of a country: no list of threats has a reason to hold one */
export function sharedHosts(country?: Country): readonly string[] {
  return country ? [...hostsOfAll, ...ofCountry[country]] : hostsOfAll
}
