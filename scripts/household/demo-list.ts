import { categories } from '../../module/category.ts'
import type { Archive } from '../operator/list/archive.ts'
import { type Built, buildInto } from '../operator/list-publish.ts'

/** The operator's own build. A few names are none and are left out: see the report. */
export function buildDemoList(archive: Archive, list: string, names: readonly string[]): Promise<Built> {
  const input = {
    name: 'eth-phishing-detect',
    source: names.join('\n'),
    category: categories.indexOf('phishing'),
    format: 'domains',
  } as const
  return buildInto(archive, list, { inputs: [input] })
}
