import type { ServedFigures, TakenFigures } from './list-child.ts'

export interface Waits {
  p99: number
  longest: number
  lost: number
}

export interface ScaleRow {
  names: number
  storeBytes: number
  snapshotBytes: number
  deltaBytes: number
  snapshot: TakenFigures
  delta: TakenFigures
  served: ServedFigures
  /** Waits of a steady 500 questions a second, without and with an update under way. */
  idle: Waits
  updating: Waits
  /** Private memory of the process before the two updates, and the most of it in their course. */
  beforeKiB: number
  maxKiB: number
}

interface Figure {
  title: string
  of: (row: ScaleRow) => number
  digits: number
}

const seconds = ({ began, ended }: TakenFigures) => (ended - began) / 1000

const figures: readonly Figure[] = [
  { title: 'file on flash, MB', of: (row) => row.storeBytes / 1e6, digits: 2 },
  { title: 'bytes a name on flash', of: (row) => row.storeBytes / row.names, digits: 2 },
  { title: 'snapshot on the wire, MB', of: (row) => row.snapshotBytes / 1e6, digits: 2 },
  { title: 'delta of 1,000 + 1,000 on the wire, KB', of: (row) => row.deltaBytes / 1e3, digits: 1 },
  { title: 'private memory, MB', of: (row) => row.served.privateKiB / 1024, digits: 1 },
  { title: 'resident memory, MB', of: (row) => row.served.residentKiB / 1024, digits: 1 },
  { title: 'process start to first verdict, ms', of: (row) => row.served.firstVerdictMs, digits: 0 },
  { title: 'of that the list, ms', of: (row) => row.served.startMs, digits: 1 },
  { title: 'verdict, us', of: (row) => row.served.verdictUs, digits: 2 },
  { title: 'snapshot update, s', of: (row) => seconds(row.snapshot), digits: 2 },
  { title: 'delta update, s', of: (row) => seconds(row.delta), digits: 2 },
  { title: 'query p99 without an update, ms', of: (row) => row.idle.p99, digits: 2 },
  { title: 'query p99 during the updates, ms', of: (row) => row.updating.p99, digits: 2 },
  { title: 'longest wait without an update, ms', of: (row) => row.idle.longest, digits: 1 },
  { title: 'longest wait during the updates, ms', of: (row) => row.updating.longest, digits: 1 },
  { title: 'questions lost', of: (row) => row.idle.lost + row.updating.lost, digits: 0 },
  {
    title: 'longest pause of the answering thread, ms',
    of: ({ snapshot, delta }) => Math.max(snapshot.longestPauseMs, delta.longestPauseMs),
    digits: 1,
  },
  { title: 'private memory before the updates, MB', of: (row) => row.beforeKiB / 1024, digits: 1 },
  { title: 'private memory during the updates, MB', of: (row) => row.maxKiB / 1024, digits: 1 },
  { title: 'written to flash by a snapshot, MB', of: (row) => row.snapshot.writtenBytes / 1e6, digits: 2 },
  { title: 'written to flash by a delta, MB', of: (row) => row.delta.writtenBytes / 1e6, digits: 2 },
]

const named = (names: number) => (names >= 1e6 ? `${names / 1e6} M` : `${names / 1e3} k`)

export function scaleTable(rows: readonly ScaleRow[]): string {
  const lines = [
    ['', ...rows.map(({ names }) => `${named(names)} names`)],
    ['---', ...rows.map(() => '---:')],
    ...figures.map(({ title, of, digits }) => [title, ...rows.map((row) => of(row).toFixed(digits))]),
  ]
  return `${lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n')}\n`
}

const [width, height, columns] = [250, 150, 4]

/** A small graph a figure, over the number of names; its axis is logarithmic, that of the value begins at 0. */
export function scalePlot(rows: readonly ScaleRow[]): string {
  const least = Math.log10(Math.min(...rows.map(({ names }) => names)))
  const most = Math.log10(Math.max(...rows.map(({ names }) => names)))
  const panels = figures.map(({ title, of, digits }, i) => {
    const top = Math.max(...rows.map(of)) * 1.15 || 1
    const points = rows.map((row) => ({
      x: 20 + ((Math.log10(row.names) - least) / (most - least || 1)) * (width - 60),
      y: height - 30 - (of(row) / top) * (height - 65),
      value: of(row).toFixed(digits),
      names: named(row.names),
    }))
    const marks = points.map(
      ({ x, y, value, names }) =>
        `<circle cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="2.5" fill="#2e5d9f"/>` +
        `<text x="${x.toFixed(1)}" y="${(y - 6).toFixed(1)}" text-anchor="middle">${value}</text>` +
        `<text x="${x.toFixed(1)}" y="${height - 14}" text-anchor="middle" fill="#777">${names}</text>`,
    )
    const line = points.map(({ x, y }) => `${x.toFixed(1)},${y.toFixed(1)}`).join(' ')
    return (
      `<g transform="translate(${(i % columns) * width + 10} ${Math.floor(i / columns) * height + 10})">` +
      `<text x="8" y="12" font-weight="bold">${title}</text>` +
      `<line x1="10" y1="${height - 28}" x2="${width - 20}" y2="${height - 28}" stroke="#bbb"/>` +
      `<polyline points="${line}" fill="none" stroke="#2e5d9f"/>${marks.join('')}</g>`
    )
  })
  const size = [columns * width + 20, Math.ceil(figures.length / columns) * height + 20]
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.join(' ')}" font-family="sans-serif" font-size="10">`,
    `<rect width="${size[0]}" height="${size[1]}" fill="#fff"/>`,
    ...panels,
    '</svg>',
    '',
  ].join('\n')
}
