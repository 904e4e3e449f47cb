import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export const page = readFileSync(join(import.meta.dirname, '../../../docs/list-format.md'), 'utf8')

/** The chunks on the page, in their order: the one source of these octets. */
const chunks = [...page.matchAll(/^ {4}534e424c (?:.+\n)+/gm)].map(([text]) =>
  Buffer.from(text.replaceAll(/\s/g, ''), 'hex'),
)
if (chunks.length !== 4) throw new Error(`${chunks.length} chunks on the page`)
const [snapshot, toEight, ...toNine] = chunks as [Buffer, Buffer, Buffer, Buffer]

/** `snapshot` of version 7, the delta from 7 to 8, and the two chunks of the delta from 8 to 9. */
export const chunkVectors = { snapshot, toEight, toNine }
