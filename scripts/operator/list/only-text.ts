import { SecureNetError } from '../../../module/base/error.ts'
import { type Source, textPieces } from './lines.ts'

/** What precedes a list's first line: blanks and comments of any format. */
const preamble = /^(?:\s|[#!;][^\n]*(?:\n|$)|\/\/[^\n]*(?:\n|$))*/

/** HTML, XML, JSON, and documents for printing; `[Adblock Plus]` is none of them. */
const markup = /^(?:<|\{|\[\s*[[{"\]]|%PDF-|%!PS)/

/** What binary files have, and no list: NUL also in UTF-16. FF, VT and SUB are in real text files. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const binary = /[\x00-\x08\x0e-\x19\x1b\x7f]/

const headLength = 65_536

function noList(name: string, why: string): SecureNetError {
  return new SecureNetError(
    'LIST_INPUT',
    `${name} is no list: ${why}`,
    'Look at the file: its server may have sent a page or an error instead. Fetch it again.',
  )
}

function refuseMarkup(name: string, head: string): void {
  const text = head.replace(preamble, '').slice(0, 40)
  if (markup.test(text)) throw noList(name, `it begins with ${JSON.stringify(text.split('\n')[0])}`)
}

/**
 * The text of a source, as it is read.
 * @param name of the input, for messages
 * @throws SecureNetError LIST_INPUT: a binary file, a web page or another document
 */
export async function* onlyText(name: string, source: Source): AsyncGenerator<string> {
  let head: string | undefined = ''
  for await (const piece of textPieces(source)) {
    if (binary.test(piece)) throw noList(name, 'it is not text in UTF-8')
    if (head !== undefined) {
      head += piece
      refuseMarkup(name, head)
      if (head.length > headLength) head = undefined
    }
    yield piece
  }
}
