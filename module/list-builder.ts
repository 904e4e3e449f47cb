/** The thread that builds a list, a program beside the module: it loads an eighth of the code, in half the time. */
import { readlinkSync } from 'node:fs'
import { constants, getPriority, setPriority } from 'node:os'
import { createStoreBuilder, type StoreBuilder } from './blocklist/store/builder.ts'
import { openStore, type Store } from './blocklist/store/store.ts'
import {
  type BuilderCall,
  type BuilderData,
  type BuilderReply,
  failedBuild,
} from './threads/builder-thread.ts'
import { parentOf } from './threads/worker.ts'

const { data, channel } = parentOf<BuilderData, BuilderReply, BuilderCall>()
const { options, basePath, window } = data
let base: Store | undefined
let builder: StoreBuilder | undefined

async function end(): Promise<void> {
  await builder?.close().catch(() => undefined)
  await base?.close()
  channel.close()
}

/** Ends with `close`, or where there is nothing to go on with. */
async function act(call: BuilderCall): Promise<void> {
  if (!builder || call.call === 'close') return end()
  try {
    const built =
      call.call === 'finish'
        ? await builder.finish()
        : await builder.append(new Uint8Array(window, 0, call.bytes))
    channel.post({ next: builder.next, ...(built ? { built } : {}) })
  } catch (error) {
    channel.post({ failed: failedBuild(error) })
  }
}

function open(): void {
  try {
    base = basePath === null ? undefined : openStore(basePath, options.lockDirectory)
    builder = createStoreBuilder({ ...options, ...(base ? { base } : {}), rest: createNaps() })
    channel.post({ next: builder.next })
  } catch (error) {
    channel.post({ failed: failedBuild(error) })
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

const WORK_MS = 0.5
const NAP_MS = 1

/**
 * A low priority alone is not enough: Linux since 6.6 lets a thread finish its slice of 3 ms before one that wakes gets
 * the core (measured). A thread that sleeps a little after every half millisecond gives it away each time.
 */
function createNaps(): () => Promise<void> {
  const nobody = new Int32Array(new SharedArrayBuffer(4))
  let woke = performance.now()
  return async () => {
    if (performance.now() - woke < WORK_MS) return
    Atomics.wait(nobody, 0, 0, NAP_MS)
    woke = performance.now()
  }
}

giveWay()
channel.onMessage((call) => void act(call))
open()
