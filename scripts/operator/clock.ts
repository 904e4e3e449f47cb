import { refused } from './exit.ts'
import { timeText } from './output.ts'

/** Two machines of one operator may differ by so much. */
const tolerated = 3600

/**
 * What is signed by a clock that is behind is too old, or expired, when modems see it.
 * @param now seconds since 1970, of this machine
 * @param newest seconds; the newest time that is known from elsewhere
 * @throws OperatorError OPERATOR_CLOCK
 */
export function mustNotBeBehind(now: number, newest: number | undefined, whose: string): void {
  if (newest === undefined || newest <= now + tolerated) return
  throw refused(
    'OPERATOR_CLOCK',
    `this machine says ${timeText(now)}, and ${whose} is of ${timeText(newest)}`,
    'Set the clock of this machine (NTP), then run the command again. Nothing was signed.',
  )
}

/** Half of the modems have a later time than it: one modem with a wrong clock does not move it. undefined: none has reported */
export function medianTime(times: readonly number[]): number | undefined {
  return [...times].sort((a, b) => a - b)[Math.floor((times.length - 1) / 2)]
}
