import { codeOf, messageOf, SecureNetError } from '../base/error.ts'
import { MAX_CHUNK_BYTES } from '../blocklist/format/chunk.ts'
import { type Blame, blameOf, ListFault } from '../blocklist/format/list-fault.ts'
import type { BuildOptions, BuiltStore, OpenBuilder, StoreBuild } from '../blocklist/store/builder.ts'
import { startWorker, type WorkerHandle } from './worker.ts'

/** What the thread is started with: BuildOptions without what cannot be handed over. */
export interface BuilderData {
  options: Omit<BuildOptions, 'base' | 'rest'>
  /** Of a delta: the file that it starts from, verified and mapped by the main thread as well. */
  basePath: string | null
  /** Chunks lie here: cloned, hundreds of them would wait for a garbage collector that has little else to do. */
  window: SharedArrayBuffer
}

/** One octet more, so that a chunk that is too large is seen to be. */
const WINDOW_BYTES = MAX_CHUNK_BYTES + 1

export type BuilderCall = { call: 'append'; bytes: number } | { call: 'finish' } | { call: 'close' }

/** To the start and to every call, in order. */
export type BuilderReply = { next: number; built?: BuiltStore } | { failed: FailedBuild }

/** An error as it is handed over: classes do not survive it. */
export interface FailedBuild {
  blame: Blame | null
  code: string
  message: string
  remedy: string
}

export type BuilderHandle = WorkerHandle<BuilderCall, BuilderReply>

/**
 * A little of V8's memory for a little of work: what a build takes is a chunk and its entries, outside of V8's heap
 * (measured, docs/list-updates.md).
 */
const HEAP_MB = 24

/** @param program module/list-builder.ts */
export function startBuilderThread(program: string): (data: BuilderData) => BuilderHandle {
  return (data) => startWorker({ program, name: 'list-builder', data, heapMb: HEAP_MB })
}

/**
 * On a thread that lives only as long as the builder does: decoding, merging, hashing and writing a million names take
 * seconds of a modem's core, and no query is to wait behind them.
 */
export function buildOnThread(start: (data: BuilderData) => BuilderHandle): OpenBuilder {
  return async ({ base, rest: _, ...options }) => {
    const window = new SharedArrayBuffer(WINDOW_BYTES)
    const thread = started(() => start({ options, basePath: base?.path ?? null, window }))
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

function started(start: () => BuilderHandle): BuilderHandle {
  try {
    return start()
  } catch (error) {
    throw builderDied(messageOf(error))
  }
}

function builderDied(why: string): ListFault {
  return new ListFault(
    'builder',
    'LIST_BUILDER_DIED',
    `the thread that builds the list died: ${why}`,
    'The update is tried again.',
  )
}

export function failedBuild(error: unknown): FailedBuild {
  const remedy = error instanceof SecureNetError ? error.remedy : ''
  return { blame: blameOf(error), code: codeOf(error), message: messageOf(error), remedy }
}

function errorOf({ blame, code, message, remedy }: FailedBuild): SecureNetError {
  return blame === null
    ? new SecureNetError(code, message, remedy)
    : new ListFault(blame, code, message, remedy)
}

class BuilderOnThread implements StoreBuild {
  readonly #thread: BuilderHandle
  readonly #window: Uint8Array
  readonly #ended: Promise<void>
  /** Of the call that has no reply yet; they come one at a time. */
  #waiting: { resolve(reply: BuilderReply): void; reject(error: unknown): void } | undefined
  #death: ListFault | undefined
  #next = 0

  constructor(thread: BuilderHandle, window: SharedArrayBuffer) {
    this.#thread = thread
    this.#window = new Uint8Array(window)
    thread.onMessage((reply) => this.#waiting?.resolve(reply))
    this.#ended = new Promise((resolve) => {
      thread.onExit((why) => {
        this.#death = builderDied(why)
        this.#waiting?.reject(this.#death)
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
    if (!this.#death) this.#thread.post({ call: 'close' })
    await this.#ended
  }

  #ask(call: BuilderCall): Promise<BuiltStore | undefined> {
    if (!this.#death) this.#thread.post(call)
    return this.#reply()
  }

  async #reply(): Promise<BuiltStore | undefined> {
    const reply = await new Promise<BuilderReply>((resolve, reject) => {
      if (this.#death) reject(this.#death)
      this.#waiting = { resolve, reject }
    })
    this.#waiting = undefined
    if ('failed' in reply) throw errorOf(reply.failed)
    this.#next = reply.next
    return reply.built
  }
}
