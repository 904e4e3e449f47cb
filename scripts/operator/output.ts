/** Where the tool writes and whom it asks; an object, so that a test reads what a person would. */
export interface Terminal {
  /** Results: stdout. */
  out(text: string): void
  /** Progress and complaints: stderr, so that `--json | jq` stays clean. */
  err(text: string): void
  /** A question to a person; null where nobody sits there (no terminal). */
  ask(question: string): Promise<string | null>
  /** True where lines may be drawn over (progress bars, `watch`). */
  readonly live: boolean
}

export interface Output {
  readonly json: boolean
  /** The result of a command: one JSON document with --json, else the lines. */
  result(data: unknown, lines: readonly string[]): void
  /** What happens meanwhile; silent with --json. */
  note(line: string): void
  /** A bar on a live terminal, a line a tenth elsewhere, nothing with --json. */
  progress(label: string, total: number): (done: number) => void
}

const barWidth = 30

function bar(label: string, done: number, total: number): string {
  const filled = total === 0 ? barWidth : Math.round((done / total) * barWidth)
  return `${label} [${'#'.repeat(filled)}${'.'.repeat(barWidth - filled)}] ${done}/${total}`
}

export function createOutput(terminal: Terminal, json: boolean): Output {
  return {
    json,
    result(data, lines) {
      if (json) terminal.out(`${JSON.stringify(data)}\n`)
      else if (lines.length > 0) terminal.out(`${lines.join('\n')}\n`)
    },
    note(line) {
      if (!json) terminal.err(`${line}\n`)
    },
    progress(label, total) {
      let shown = -1
      return (done) => {
        if (json) return
        if (terminal.live) terminal.err(`\r${bar(label, done, total)}${done === total ? '\n' : ''}`)
        else {
          const tenth = total === 0 ? 10 : Math.floor((done / total) * 10)
          if (tenth > shown) terminal.err(`${bar(label, done, total)}\n`)
          shown = Math.max(shown, tenth)
        }
      }
    },
  }
}

/** Columns padded to their widest cell, two blanks between them. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = []
  for (const row of rows)
    row.forEach((cell, i) => {
      widths[i] = Math.max(widths[i] ?? 0, cell.length)
    })
  return rows.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}

/** `1 chunk`, `2 chunks` */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

/** Of lines that have ever reported: what else there may be, nobody knows. */
export function linesText(count: number): string {
  return counted(count, 'reported line')
}

export function bytesText(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`
  return bytes < 1024 * 1024 ? `${(bytes / 1024).toFixed(1)} KB` : `${(bytes / 1024 / 1024).toFixed(2)} MB`
}

/** @param seconds since 1970 */
export function timeText(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace('.000Z', 'Z')
}
