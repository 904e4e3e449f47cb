import { readlinkSync } from 'node:fs'
import { constants, getPriority, setPriority } from 'node:os'
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { codeOf, messageOf, SecureNetError } from '../../base/error.ts'
import { MAX_CHUNK_BYTES } from '../format/chunk.ts'
import { type BuildOptions, type BuiltStore, createStoreBuilder, type StoreBuilder } from './builder.ts'
import { openStore, type Store } from './store.ts'

export const BUILDER_ROLE = 'list-builder'

/** What the thread is started with: BuildOptions without what cannot be handed over. */
export interface BuilderData {
  role: typeof BUILDER_ROLE
  options: Omit<BuildOptions, 'base' | 'rest'>
  /** Of a delta: the file that it starts from, verified and mapped by the main thread as well. */
  basePath: string | null
  /** Chunks lie here: cloned, hundreds of them would wait for a garbage collector that has little else to do. */
  window: SharedArrayBuffer
}

/** One octet more, so that a chunk that is too large is seen to be. */
export const WINDOW_BYTES = MAX_CHUNK_BYTES + 1

export type BuilderCall = { call: 'append'; bytes: number } | { call: 'finish' } | { call: 'close' }

/** To the start and to every call, in order. */
export type BuilderReply =
  | { next: number; built?: BuiltStore }
  | { failed: { code: string; message: string; wayOut: string } }

/** What a program does that startBuilderThread (build-off-thread.ts) has loaded. */
export function runBuilderThread(): void {
  if (!parentPort) throw new Error('not a thread')
  serveBuilder(parentPort, workerData as BuilderData)
}

/** Builds on the thread that it is called on; ends with `close`, or where there is nothing to go on with. */
function serveBuilder(
  port: Pick<MessagePort, 'on' | 'postMessage' | 'close'>,
  { options, basePath, window }: BuilderData,
): void {
  giveWay()
  let base: Store | undefined
  let builder: StoreBuilder | undefined
  const reply = (message: BuilderReply) => port.postMessage(message)
  const failed = (error: unknown) =>
    reply({
      failed: {
        code: codeOf(error),
        message: messageOf(error),
        wayOut: error instanceof SecureNetError ? error.wayOut : '',
      },
    })

  async function end(): Promise<void> {
    await builder?.close().catch(() => undefined)
    await base?.close()
    port.close()
  }

  async function act(call: BuilderCall): Promise<void> {
    if (!builder || call.call === 'close') return end()
    try {
      const built =
        call.call === 'finish'
          ? await builder.finish()
          : await builder.append(new Uint8Array(window, 0, call.bytes))
      reply({ next: builder.next, ...(built ? { built } : {}) })
    } catch (error) {
      failed(error)
    }
  }

  port.on('message', (call: BuilderCall) => void act(call))
  try {
    base = basePath === null ? undefined : openStore(basePath, options.lockDirectory)
    builder = createStoreBuilder({ ...options, ...(base ? { base } : {}), rest: createNaps() })
    reply({ next: builder.next })
  } catch (error) {
    failed(error)
  }
}

/** Queries come first where there is one core. Linux's priorities are a thread's own. */
function giveWay(): void {
  try {
    const thread = Number(readlinkSync('/proc/thread-self').split('/').at(-1))
    setPriority(thread, Math.min(getPriority(thread) + 10, constants.priority.PRIORITY_LOW))
  } catch {
    // Without /proc it goes on as it is.
  }
}

const workMs = 0.5
const napMs = 1

/**
 * A low priority alone is not enough: Linux since 6.6 lets a thread finish its slice of 3 ms before one that wakes gets
 * the core (measured). A thread that sleeps a little after every half millisecond gives it away each time.
 */
function createNaps(): () => Promise<void> {
  const nobody = new Int32Array(new SharedArrayBuffer(4))
  let woke = performance.now()
  return async () => {
    if (performance.now() - woke < workMs) return
    Atomics.wait(nobody, 0, 0, napMs)
    woke = performance.now()
  }
}
