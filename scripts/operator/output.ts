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
  /** One of many results, as soon as it is known: a line of text, or one JSON document on a line. */
  item(data: unknown, line: string): void
  /** What happens meanwhile; silent with --json. */
  note(line: string): void
  /** A bar on a live terminal, a line a tenth elsewhere, nothing with --json. */
  progress(label: string, total: number): (done: number) => void
}

/** C0, C1, line separators and directions: what a modem or a broker says must not steer a terminal. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const steering = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g

/** One line of text, with a replacement character for each that would steer a terminal. */
export const printable = (text: string) => text.replace(steering, '\ufffd')

/** JSON.stringify leaves C1 and directions as they are. */
export function jsonLine(data: unknown): string {
  const escaped = (text: string) => `\\u${text.charCodeAt(0).toString(16).padStart(4, '0')}`
  return `${JSON.stringify(data).replace(steering, escaped)}\n`
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
      if (json) terminal.out(jsonLine(data))
      else for (const line of lines) terminal.out(`${printable(line)}\n`)
    },
    item(data, line) {
      terminal.out(json ? jsonLine(data) : `${printable(line)}\n`)
    },
    note(line) {
      if (!json) terminal.err(`${printable(line)}\n`)
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
export function table(cells: readonly (readonly string[])[]): string[] {
  const rows = cells.map((row) => row.map(printable))
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

/** Of lines that the register knows. */
export function linesText(count: number): string {
  return counted(count, 'line')
}

export function bytesText(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`
  return bytes < 1024 * 1024 ? `${(bytes / 1024).toFixed(1)} KB` : `${(bytes / 1024 / 1024).toFixed(2)} MB`
}

/** @param seconds since 1970 */
export function timeText(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace('.000Z', 'Z')
}
