import { parentPort, workerData } from 'node:worker_threads'
import { BUILDER_ROLE, type BuilderData, serveBuilder } from './blocklist/builder-thread.ts'

/** What a thread of this process was started for; the bundle is one file, and its main module begins here too. */
export function runThread(): void {
  const { role } = workerData as { role: string }
  if (!parentPort) throw new Error('not a thread')
  switch (role) {
    case BUILDER_ROLE:
      serveBuilder(parentPort, workerData as BuilderData)
      break
    default:
      throw new Error(`no thread has the role ${role}`)
  }
}
