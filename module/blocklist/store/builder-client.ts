import { Worker } from 'node:worker_threads'
import { messageOf, SecureNetError } from '../../base/error.ts'
import { type BuildOptions, type BuiltStore, createStoreBuilder, type StoreBuilder } from './builder.ts'
import {
  BUILDER_ROLE,
  type BuilderCall,
  type BuilderData,
  type BuilderReply,
  WINDOW_BYTES,
} from './builder-worker.ts'

/** What an update needs of a StoreBuilder, wherever it works. */
export type Building = Pick<StoreBuilder, 'next' | 'append' | 'finish' | 'close'>

/** @throws SecureNetError LIST_STORE_IO, LIST_STORE_FORMAT, LIST_DISK_FULL, LIST_BUILDER_DIED */
export type OpenBuilder = (options: BuildOptions) => Promise<Building>

/** On the caller's own thread, in slices of less than a millisecond on a PC. */
export const buildHere: OpenBuilder = async (options) => createStoreBuilder(options)

/** A Worker, as far as it is needed here. */
export type BuilderThread = Pick<Worker, 'on' | 'once' | 'postMessage'>

/**
 * A little of V8's memory for a little of work: what a build takes is a chunk and its entries, outside of V8's heap
 * (measured, docs/list-updates.md).
 */
const limits = { maxYoungGenerationSizeMb: 3, maxOldGenerationSizeMb: 24 }

/** @param program a file that serves the builder as soon as it is loaded (module/list-builder.ts) */
export function startBuilderThread(program: string): (data: BuilderData) => BuilderThread {
  return (workerData) => new Worker(program, { workerData, resourceLimits: limits, name: BUILDER_ROLE })
}

/**
 * On a thread that lives only as long as the builder does: decoding, merging, hashing and writing a million names take
 * seconds of a modem's core, and no query is to wait behind them.
 */
export function buildOnThread(start: (data: BuilderData) => BuilderThread): OpenBuilder {
  return async ({ base, rest: _, ...options }) => {
    const window = new SharedArrayBuffer(WINDOW_BYTES)
    const thread = started(() => start({ role: BUILDER_ROLE, options, basePath: base?.path ?? null, window }))
    const builder = new BuilderOnThread(thread, window)
    try {
      await builder.opened()
    } catch (error) {
      await builder.close()
      throw error
    }
    return builder
  }
}

function started(start: () => BuilderThread): BuilderThread {
  try {
    return start()
  } catch (error) {
    throw builderDied(error)
  }
}

function builderDied(cause: unknown): SecureNetError {
  const why = cause === undefined ? 'it ended of itself' : messageOf(cause)
  return new SecureNetError(
    'LIST_BUILDER_DIED',
    `the thread that builds the list died: ${why}`,
    'The update is tried again.',
    { cause },
  )
}

class BuilderOnThread implements Building {
  readonly #thread: BuilderThread
  readonly #window: Uint8Array
  readonly #ended: Promise<void>
  /** Of the call that has no reply yet; they come one at a time. */
  #waiting: { resolve(reply: BuilderReply): void; reject(error: unknown): void } | undefined
  #death: SecureNetError | undefined
  #next = 0

  constructor(thread: BuilderThread, window: SharedArrayBuffer) {
    this.#thread = thread
    this.#window = new Uint8Array(window)
    let cause: unknown
    thread.on('message', (reply: BuilderReply) => this.#waiting?.resolve(reply))
    thread.on('error', (error) => {
      cause = error
    })
    this.#ended = new Promise((resolve) => {
      thread.once('exit', () => {
        this.#died(cause)
        resolve()
      })
    })
  }

  get next(): number {
    return this.#next
  }

  /** The first reply is to the start itself. */
  async opened(): Promise<void> {
    await this.#reply()
  }

  async append(chunk: Uint8Array): Promise<void> {
    const bytes = Math.min(chunk.length, WINDOW_BYTES)
    this.#window.set(chunk.subarray(0, bytes))
    await this.#ask({ call: 'append', bytes })
  }

  async finish(): Promise<BuiltStore> {
    const built = await this.#ask({ call: 'finish' })
    // The file is the caller's from here on: no other thread has it open any more.
    await this.close()
    return built as BuiltStore
  }

  async close(): Promise<void> {
    if (!this.#death) this.#thread.postMessage({ call: 'close' } satisfies BuilderCall)
    await this.#ended
  }

  async #ask(call: BuilderCall): Promise<BuiltStore | undefined> {
    if (this.#death) throw this.#death
    this.#thread.postMessage(call)
    return this.#reply()
  }

  async #reply(): Promise<BuiltStore | undefined> {
    const reply = await new Promise<BuilderReply>((resolve, reject) => {
      this.#waiting = { resolve, reject }
    })
    this.#waiting = undefined
    if ('failed' in reply)
      throw new SecureNetError(reply.failed.code, reply.failed.message, reply.failed.wayOut)
    this.#next = reply.next
    return reply.built
  }

  #died(cause: unknown): void {
    this.#death = builderDied(cause)
    this.#waiting?.reject(this.#death)
  }
}
