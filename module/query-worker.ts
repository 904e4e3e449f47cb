import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { systemClock } from './base/clock.ts'
import { type Fields, type Level, type Log, levels } from './base/log.ts'
import type { FromQueryThread, QueryThreadData, ToQueryThread } from './threads/messages.ts'
import { QueryThread } from './threads/query-thread.ts'
import { takeSharedSockets } from './threads/shared-sockets.ts'

/** Lines are the main thread's to write: support bundles want them too. */
function forwardingLog(least: Level, post: (message: FromQueryThread) => void): Log {
  const at =
    (level: Level) =>
    (event: string, fields: Fields = {}) => {
      if (levels.indexOf(level) >= levels.indexOf(least)) post({ kind: 'log', level, event, fields })
    }
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

function runQueries(port: MessagePort, { config, sockets }: QueryThreadData): void {
  const post = (message: FromQueryThread) => port.postMessage(message)
  const thread = new QueryThread({
    config,
    sockets,
    takeSockets: takeSharedSockets,
    channel: { post, onMessage: (run) => void port.on('message', (message: ToQueryThread) => run(message)) },
    onStopped: () => port.close(),
    clock: systemClock,
    log: forwardingLog(config.logLevel, post),
  })
  thread.start()
}

/** What this program does where it is loaded as a worker. */
export function runThread(): void {
  if (!parentPort) throw new Error('not a thread')
  runQueries(parentPort, workerData as QueryThreadData)
}
