import { createReadStream } from 'node:fs'
import { createGunzip } from 'node:zlib'
import { messageOf, SecureNetError } from '../../../module/base/error.ts'

/** A list's text: whole, or in pieces as it is read. */
export type Source = string | AsyncIterable<string | Uint8Array>

/** Longer lines are cut here, so that a file without line ends cannot fill memory; such a line fits no format. */
export const longestLine = 4096

/** @returns the text as it comes, decoded from UTF-8 */
export async function* textPieces(source: Source): AsyncGenerator<string> {
  if (typeof source === 'string') {
    const step = 1 << 20
    for (let at = 0; at < source.length; at += step) yield source.slice(at, at + step)
    return
  }
  const decoder = new TextDecoder('utf-8')
  for await (const piece of source) {
    yield typeof piece === 'string' ? piece : decoder.decode(piece, { stream: true })
  }
  yield decoder.decode()
}

/** @returns batches of lines without their ends (LF or CR LF) and without a byte order mark */
export async function* lineBatches(source: Source): AsyncGenerator<string[]> {
  let rest = ''
  let first = true
  for await (const piece of textPieces(source)) {
    const lines = (rest + piece).split('\n')
    rest = (lines.pop() ?? '').slice(0, longestLine + 1)
    if (first && lines[0] !== undefined) {
      lines[0] = lines[0].replace(/^\ufeff/, '')
      first = false
    }
    if (lines.length > 0) yield lines.map(withoutReturn)
  }
  if (rest !== '') yield [withoutReturn(first ? rest.replace(/^\ufeff/, '') : rest)]
}

function withoutReturn(line: string): string {
  return line.endsWith('\r') ? line.slice(0, -1) : line
}

function unpackedFile(path: string): AsyncIterable<Uint8Array> {
  const file = createReadStream(path)
  if (!path.endsWith('.gz')) return file
  const unpacked = createGunzip()
  // An unreadable file must reach whoever reads the unpacked side.
  file.on('error', (error) => unpacked.destroy(error))
  return file.pipe(unpacked)
}

/** Five million names of a hundred octets: what is larger, once unpacked, is no list but a bomb. */
const mostBytes = 512 * 1024 * 1024

function tooLarge(path: string, most: number): SecureNetError {
  return new SecureNetError(
    'LIST_INPUT_TOO_LARGE',
    `${path} holds more than ${most} octets${path.endsWith('.gz') ? ', unpacked' : ''}`,
    'Look at the file: is it the list? A longer one is given in several files.',
  )
}

/**
 * A list's file, unpacked if its name ends in `.gz`.
 * @param most octets, unpacked
 * @throws SecureNetError LIST_INPUT, LIST_INPUT_TOO_LARGE where it is read
 */
export async function* readList(path: string, most = mostBytes): AsyncGenerator<Uint8Array> {
  let bytes = 0
  try {
    for await (const piece of unpackedFile(path)) {
      bytes += piece.length
      if (bytes > most) throw tooLarge(path, most)
      yield piece
    }
  } catch (error) {
    if (error instanceof SecureNetError) throw error
    throw new SecureNetError(
      'LIST_INPUT',
      `${path} cannot be read: ${messageOf(error)}`,
      'A text file is expected, or one packed with gzip and named .gz.',
      { cause: error },
    )
  }
}
