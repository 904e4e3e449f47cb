import { parentPort, Worker, workerData } from 'node:worker_threads'
import { messageOf } from '../base/error.ts'

/** One end of the way between two threads. */
export interface Channel<Out, In> {
  post(message: Out): void
  onMessage(run: (message: In) => void): void
}

/** A thread as who started it sees it. */
export interface WorkerHandle<Out, In> extends Channel<Out, In> {
  /** Called once, whether it was told to stop or has died; also where it was over before. */
  onExit(run: (why: string) => void): void
  /** Ends it whatever it does. */
  terminate(why: string): void
}

/** The thread's own end. */
export interface ParentChannel<Out, In> extends Channel<Out, In> {
  /** No more messages are waited for: the thread ends with what it does. */
  close(): void
}

export interface WorkerOptions {
  /** A file that serves as soon as it is loaded as a worker. */
  program: string
  name: string
  /** Structured clone; nothing in it changes. */
  data: unknown
  /** MB of V8's old generation; more ends the thread alone. */
  heapMb: number
}

/** As the modem's own flags give the main thread (docs/adr/0005-memory.md). */
const YOUNG_MB = 3

/** @throws Error where the system grants no thread */
export function startWorker<Out, In>({ program, name, data, heapMb }: WorkerOptions): WorkerHandle<Out, In> {
  return handleOf(
    new Worker(program, {
      workerData: data,
      resourceLimits: { maxOldGenerationSizeMb: heapMb, maxYoungGenerationSizeMb: YOUNG_MB },
      name,
    }),
  )
}

export function handleOf<Out, In>(worker: Worker): WorkerHandle<Out, In> {
  let why = 'it ended'
  worker.on('error', (error) => {
    why = messageOf(error)
  })
  const over = new Promise<string>((resolve) => worker.once('exit', () => resolve(why)))
  return {
    post: (message) => worker.postMessage(message),
    onMessage: (run) => void worker.on('message', run),
    onExit: (run) => void over.then(run),
    terminate: (because) => {
      why = because
      void worker.terminate()
    },
  }
}

/**
 * What a worker's program begins with.
 * @throws Error on the main thread
 */
export function parentOf<Data, Out, In>(): { data: Data; channel: ParentChannel<Out, In> } {
  const port = parentPort
  if (!port) throw new Error('not a thread')
  return {
    data: workerData as Data,
    channel: {
      post: (message) => port.postMessage(message),
      onMessage: (run) => void port.on('message', run),
      close: () => port.close(),
    },
  }
}
