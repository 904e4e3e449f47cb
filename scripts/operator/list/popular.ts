import { lineBatches, type Source } from './lines.ts'
import { normaliseName } from './name.ts'

/** The name in a line of a ranking: alone, in a column beside ranks (`1,name`, `1,1,name,...`), or as an origin. */
function nameOf(line: string): string | undefined {
  if (line.startsWith('#')) return undefined
  for (const field of line.split(/[,;\t]/)) {
    const text = field
      .trim()
      .replace(/^"(.*)"$/, '$1')
      .replace(/^https?:\/\/([^/]*)\/?$/, '$1')
    const found = normaliseName(text)
    if (found.ok && found.name.includes('.')) return found.name
  }
  return undefined
}

/** @returns the names of a popular-names file, in its order */
export async function readPopular(source: Source): Promise<string[]> {
  const names: string[] = []
  for await (const batch of lineBatches(source)) {
    for (const line of batch) {
      const name = nameOf(line)
      if (name !== undefined) names.push(name)
    }
  }
  return names
}
