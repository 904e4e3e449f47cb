import { codeOf, messageOf } from '../base/error.ts'
import type { Log } from '../base/log.ts'
import { emptyBook, type LineBook } from '../line/store.ts'
import type { StateFile } from '../platform/state-file.ts'

/**
 * The book as it is on flash; what cannot be read is set aside, and the broker's retained orders fill a new one.
 * @throws SecureNetError STATE_NOT_READ
 */
export async function loadBook(
  file: Pick<StateFile<LineBook>, 'read' | 'setAside'>,
  log: Log,
): Promise<LineBook> {
  try {
    return (await file.read()).value ?? emptyBook
  } catch (error) {
    if (codeOf(error) !== 'STATE_DAMAGED') throw error
    log.error('line-book-damaged', { code: codeOf(error), message: messageOf(error) })
    await file.setAside()
    return emptyBook
  }
}
