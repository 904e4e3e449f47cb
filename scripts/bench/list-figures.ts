import { benchBlocklist } from './blocklist.ts'
import type { Measured } from './report.ts'

/** The list by itself: bytes, verdicts and building, in this process. */
export async function measureList(names: number, found: (measured: Measured) => void): Promise<void> {
  const figures = await benchBlocklist(names)
  const size = names >= 1e6 ? `${names / 1e6} M names` : `${names / 1e3} k names`
  const row = (figure: string, unit: string, value: number, most?: number) =>
    found({
      figure: `${figure}, ${size}`,
      unit,
      ours: [value],
      ...(most === undefined ? {} : { goal: { of: 'ours', most } as const }),
    })
  row('list: bytes a name on flash', 'bytes', figures.storeBytesPerName, 7)
  row('list: snapshot on the wire', 'MB', figures.snapshotBytes / 1e6, names === 1e6 ? 6.2 : undefined)
  row('list: delta of 1,000 + 1,000', 'bytes', figures.deltaBytes, 10_000)
  row('list: verdict, listed', 'us', figures.verdictListedUs, 3)
  row('list: verdict, not listed', 'us', figures.verdictNotListedUs, 3)
  row('list: longest pause while building', 'ms', figures.longestPauseMs, 20)
  row('list: wrong verdicts of 400 k', 'names', figures.wrongVerdicts, 0)
}
