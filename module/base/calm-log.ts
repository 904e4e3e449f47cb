import type { Clock } from './clock.ts'
import type { Fields, Level, Log } from './log.ts'

const LINE_MS = 1000
/** Events are the program's own words; only `kind` and `line` of their fields tell them apart, and those are few. */
const MOST_KINDS = 1000

/**
 * One line a second for each kind of event: what strangers can bring about must not fill the log, nor cost more than a
 * counter. The next line of the kind says how many were left out (`unsaid`).
 */
export function calmLog(log: Log, clock: Pick<Clock, 'monotonic'>): Log {
  const kinds = new Map<string, { at: number; unsaid: number }>()
  const say =
    (level: Level) =>
    (event: string, fields: Fields = {}) => {
      const kind = `${level} ${event} ${fields['kind'] ?? ''} ${fields['line'] ?? ''}`
      const now = clock.monotonic()
      const last = kinds.get(kind)
      if (last && now - last.at < LINE_MS) {
        last.unsaid++
        return
      }
      if (!last && kinds.size >= MOST_KINDS) kinds.clear()
      kinds.set(kind, { at: now, unsaid: 0 })
      log[level](event, last && last.unsaid > 0 ? { ...fields, unsaid: last.unsaid } : fields)
    }
  return { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') }
}
