import { createInterface } from 'node:readline/promises'
import { realWorld } from './operator/context.ts'
import type { Terminal } from './operator/output.ts'
import { runOperator } from './operator/program.ts'

const terminal: Terminal = {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  live: process.stdout.isTTY === true,
  async ask(question) {
    if (!process.stdin.isTTY) return null
    const lines = createInterface({ input: process.stdin, output: process.stderr })
    try {
      return await lines.question(question)
    } finally {
      lines.close()
    }
  },
}

let isDone = false
// `| head` ends our reader: nothing to tell, and the work may not have been done.
process.stdout.on('error', () => {
  isDone = true
  process.exit(1)
})
// Node ends with 13 and without a word where something is waited for that never comes.
process.once('exit', () => {
  if (isDone) return
  process.stderr.write(
    'INTERNAL: the tool has ended before its work was done; what it has said so far counts.\n',
  )
  process.exitCode = 1
})
process.exitCode = await runOperator(process.argv.slice(2), realWorld(terminal))
isDone = true
