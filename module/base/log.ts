export const levels = ['debug', 'info', 'warn', 'error'] as const
export type Level = (typeof levels)[number]

/** One line an event: `level event key=value ...`. No names of sites above `debug`: they are private. */
export interface Log {
  debug(event: string, fields?: Fields): void
  info(event: string, fields?: Fields): void
  warn(event: string, fields?: Fields): void
  error(event: string, fields?: Fields): void
}
export type Fields = Readonly<Record<string, string | number | boolean | null | undefined>>

/** Control characters from strangers must not forge or break a log line. */
function printable(value: string): string {
  const safe = /^[\w.:/@+-]+$/.test(value) ? value : JSON.stringify(value)
  return safe.replace(
    /[\u007f-\u009f\u2028\u2029]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** @returns the line without its end, e.g. `info listening address=127.0.0.1 port=5300` */
export function logLine(level: Level, event: string, fields: Fields = {}): string {
  let line = `${level} ${event}`
  for (const [key, value] of Object.entries(fields)) {
    if (value !== undefined) line += ` ${key}=${printable(String(value))}`
  }
  return line
}

/**
 * @param write receives each line with its end (stderr: procd carries it to logd)
 * @param least the lowest level that is written
 */
export function createLog(write: (line: string) => void, least: Level = 'info'): Log {
  const at = (level: Level) => (event: string, fields?: Fields) => {
    if (levels.indexOf(level) >= levels.indexOf(least)) write(`${logLine(level, event, fields)}\n`)
  }
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}
