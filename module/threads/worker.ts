import { Worker } from 'node:worker_threads'
import { messageOf } from '../base/error.ts'
import type { FromQueryThread, QueryThreadData } from './messages.ts'
import type { ThreadHandle } from './query-threads.ts'

/** MB of V8's heap that one thread may take: more would be a leak, and ends that thread alone. */
const OLD_MB = 32
/** As the modem's own flags give the main thread (docs/adr/0005-memory.md). */
const YOUNG_MB = 3

/** @param bundle this program's own file, whose `runThread` takes it from there */
export function startWorker(bundle: string, data: QueryThreadData): ThreadHandle {
  const worker = new Worker(bundle, {
    workerData: data,
    resourceLimits: { maxOldGenerationSizeMb: OLD_MB, maxYoungGenerationSizeMb: YOUNG_MB },
  })
  let why = 'it ended'
  worker.on('error', (error) => {
    why = messageOf(error)
  })
  return {
    post: (message) => worker.postMessage(message),
    onMessage: (run) => void worker.on('message', (message: FromQueryThread) => run(message)),
    onExit: (run) => void worker.on('exit', () => run(why)),
    terminate: () => {
      why = 'it was ended, since it did not answer'
      void worker.terminate()
    },
  }
}
