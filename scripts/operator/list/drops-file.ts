import { closeSync, openSync, writeSync } from 'node:fs'
import { messageOf } from '../../../module/base/error.ts'
import { usage } from '../exit.ts'

const pieceLength = 1 << 16

/** Where lines go that were not taken. Written in pieces and at once: a wrong format drops a million of them. */
export class DropsFile {
  readonly #path: string
  readonly #file: number
  #piece = ''

  /** @throws OperatorError OPERATOR_USAGE where it cannot be written */
  constructor(path: string) {
    this.#path = path
    this.#file = this.#try(() => openSync(path, 'w'))
  }

  line(text: string): void {
    this.#piece += `${text}\n`
    if (this.#piece.length >= pieceLength) this.#write()
  }

  close(): void {
    try {
      this.#write()
    } finally {
      closeSync(this.#file)
    }
  }

  #write(): void {
    const piece = this.#piece
    this.#piece = ''
    this.#try(() => writeSync(this.#file, piece))
  }

  #try<T>(act: () => T): T {
    try {
      return act()
    } catch (error) {
      throw usage(`${this.#path} cannot be written: ${messageOf(error)}`)
    }
  }
}
