import type { StateFs } from '../../module/platform/state-file.ts'

function missing(path: string): Error {
  return Object.assign(new Error(`${path} is not there`), { code: 'ENOENT' })
}

/** Files of one simulated modem, in memory instead of flash: no test of flash, and as fast as no flash is. */
export class MemoryFs implements StateFs {
  readonly #files: Map<string, Buffer>

  /** @param from begins with what it holds */
  constructor(from?: MemoryFs) {
    this.#files = new Map(from ? from.#files : [])
  }

  mkdir = async () => undefined

  /** A folder may be opened too: StateFile flushes it. */
  open: StateFs['open'] = async (path, flags) => {
    if (flags === 'w') this.#files.set(path, Buffer.alloc(0))
    return {
      writeFile: async (data) => void this.#files.set(path, Buffer.from(String(data))),
      sync: async () => undefined,
      close: async () => undefined,
    }
  }

  readFileSync = (path: string) => {
    const found = this.#files.get(path)
    if (!found) throw missing(path)
    return found
  }

  readFile = async (path: string) => this.readFileSync(path)

  rename = async (from: string, to: string) => {
    this.#files.set(to, await this.readFile(from))
    this.#files.delete(from)
  }

  rm = async (path: string) => void this.#files.delete(path)
}
