import { SecureNetError } from '../../base/error.ts'

/**
 * What is to blame where a list cannot be taken; what follows depends on it (update/retry.ts).
 * - `content`: what the operator published; the same octets would fail again
 * - `acceptance`: the set as a whole, whichever way it comes
 * - `source`: what a chunk comes from; nothing that is here has a part in it
 * - `builder`: the thread that builds; the file counts its deaths (store/crash-count.ts)
 * - `file`: a file of ours is not what was written
 * - `room`: there is none left for it
 * - `medium`: it refuses to read or write
 */
export type Blame = 'content' | 'acceptance' | 'source' | 'builder' | 'file' | 'room' | 'medium'

/** An error of the list that says what is to blame. */
export class ListFault extends SecureNetError {
  readonly blame: Blame

  constructor(blame: Blame, code: string, message: string, remedy = '', options?: ErrorOptions) {
    super(code, message, remedy, options)
    this.blame = blame
  }
}

/** @returns what is to blame, or null of an error that nobody foresaw */
export function blameOf(error: unknown): Blame | null {
  return error instanceof ListFault ? error.blame : null
}
