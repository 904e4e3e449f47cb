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

// `| head` ends our reader: that is no error of ours.
process.stdout.on('error', () => process.exit(0))
process.exitCode = await runOperator(process.argv.slice(2), realWorld(terminal))
