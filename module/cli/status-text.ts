import { countText, durationText, headline, type Paint, row, timeText } from './sheet.ts'
import { whyText } from './why.ts'

export interface SelfTestDocument {
  outcome: string
  why: string
  cells: Record<string, string>
  /** Seconds since 1970. */
  at: number
}

interface LineDocument {
  access: string
  active: boolean
  service: string
  reason?: string
  by?: string
  until?: number
  then?: string
  issuedAt?: number
}

interface ListDocument {
  version: number | null
  names: number
  ageSeconds: number | null
  issuedAt: number
  expires: number
  stale: boolean
  damaged: boolean
  phase: string
  progress: { done: number; of: number }
  lastError: string | null
}

interface LeaseDocument {
  backend: string
  armed: string[]
  refused: { name: string; why: string }[]
  interruptions: number
}

interface ServerDocument {
  address: string
  port: number
  healthy: boolean
  replies: number
  timeouts: number
}

/** What is shown of the daemon's status; `--json` has all of it. */
export interface StatusDocument {
  version: string
  modemId: string
  protecting: boolean
  why: string
  /** Seconds since 1970; since when this is decided. */
  since: number
  activeLine: string | null
  lines: Record<string, LineDocument>
  list: ListDocument
  interception: LeaseDocument | null
  selfTest: SelfTestDocument | null
  broker: { connected: boolean; protocol: string | null; error: string | null } | null
  counters: { questions: number; blockedByCategory: Record<string, number> }
  upstreams: { servers: ServerDocument[] }[]
  latencyMs: Record<string, number>
  memoryBytes: number
}

/** Before this the clock was not set. */
const CLOCK_SET_AFTER = Date.UTC(2024, 0, 1) / 1000

function sinceText(since: number, now: number): string {
  return since < CLOCK_SET_AFTER
    ? 'unknown: the clock was not set then'
    : `${timeText(since)}, for ${durationText(now - since)}`
}

function head(status: StatusDocument, paint: Paint, now: number): string[] {
  const since = row('since', sinceText(status.since, now))
  if (status.protecting)
    return [...headline('PROTECTED').map(paint.good), ...(status.list.stale ? oldList(paint) : []), ...since]
  const { why, todo } = whyText(status.why)
  return [
    ...headline(`NOT PROTECTED: ${why}`).map(paint.bad),
    ...row('why', status.why),
    ...since,
    ...row('to do', todo),
  ]
}

function oldList(paint: Paint): string[] {
  return row('but', 'the list has expired; see `broker` and `list` below').map(paint.bad)
}

function lineRows(id: string, line: LineDocument): string[] {
  const by = line.by === undefined ? '' : ` (${line.reason}, by ${line.by})`
  const until =
    line.until === undefined ? '' : `, until ${timeText(line.until)}, then ${line.then ?? 'enabled'}`
  const carries = line.active ? ', carries the traffic' : ''
  const ordered = line.issuedAt ? row('', `ordered ${timeText(line.issuedAt)}`) : []
  return [...row('line', `${id}, ${line.access}${carries}: ${line.service}${by}${until}`), ...ordered]
}

function listRows(list: ListDocument): string[] {
  const { version, names, ageSeconds, issuedAt, expires, stale, damaged, phase, progress, lastError } = list
  const age = ageSeconds === null ? '' : `, received ${durationText(ageSeconds)} ago`
  const rows = row('list', version === null ? 'none' : `version ${version}, ${countText(names)} names${age}`)
  if (issuedAt > 0)
    rows.push(
      ...row('', `signed ${timeText(issuedAt)}`),
      ...row('', `${stale ? 'EXPIRED' : 'expires'} ${timeText(expires)}`),
    )
  if (damaged) rows.push(...row('', 'DAMAGED: none serves'))
  if (phase !== 'idle')
    rows.push(...row('', `${phase}${progress.of > 0 ? `, chunk ${progress.done} of ${progress.of}` : ''}`))
  if (lastError !== null) rows.push(...row('', `last error ${lastError}`))
  return rows
}

function interfaceRows(lease: LeaseDocument | null): string[] {
  if (lease === null) return row('interfaces', 'none configured: clients ask the module by its address')
  const armed = lease.armed.length === 0 ? 'none armed' : `${lease.armed.join(' ')} armed`
  const lapses = lease.interruptions === 0 ? '' : `, ${lease.interruptions} interruptions since the start`
  const rows = row('interfaces', `${armed} (${lease.backend})${lapses}`)
  for (const { name, why } of lease.refused) rows.push(...row('', `${name} refused: ${why}`))
  return rows
}

function upstreamRows({ upstreams }: StatusDocument): string[] {
  return upstreams
    .flatMap(({ servers }) => servers)
    .flatMap(({ address, port, healthy, replies, timeouts }, i) =>
      row(
        i === 0 ? 'upstream' : '',
        `${address} port ${port}: ${healthy ? 'answers' : 'DOES NOT ANSWER'}, ${countText(replies)} replies, ${countText(timeouts)} time-outs`,
      ),
    )
}

function trafficRows({ counters, latencyMs }: StatusDocument): string[] {
  const blocked = Object.entries(counters.blockedByCategory)
  const all = blocked.reduce((sum, [, count]) => sum + count, 0)
  const kinds = blocked.map(([category, count]) => `${category} ${countText(count)}`).join(', ')
  const rows = row('questions', `${countText(counters.questions)} since the last report to the operator`)
  rows.push(...row('blocked', all === 0 ? 'none' : `${countText(all)}: ${kinds}`))
  const { p50, p99 } = latencyMs
  if (p50 !== undefined && p99 !== undefined)
    rows.push(...row('latency', `median ${p50} ms, 99 % within ${p99} ms`))
  return rows
}

function brokerText(broker: StatusDocument['broker']): string {
  if (broker === null) return 'none: serves from what is stored'
  if (broker.connected) return `connected, MQTT ${broker.protocol}`
  return `NOT connected${broker.error === null ? '' : `: ${broker.error}`}`
}

function selfTestRows(test: SelfTestDocument | null): string[] {
  if (test === null) return row('self-test', 'not run yet')
  const cells = Object.entries(test.cells).map(([name, cell]) => `${name} ${cell}`)
  return [
    ...row('self-test', `${test.outcome}, ${timeText(test.at)}`),
    ...row('', cells.join(', ')),
    ...(test.why === '' ? [] : row('', test.why)),
  ]
}

const text = (lines: readonly string[]) => `${lines.join('\n')}\n`

/**
 * The headline, then what it rests on, in 60 columns.
 * @param now seconds since 1970
 */
export function statusText(status: StatusDocument, paint: Paint, now: number): string {
  return text([
    ...head(status, paint, now),
    '',
    ...Object.entries(status.lines).flatMap(([id, line]) => lineRows(id, line)),
    ...listRows(status.list),
    ...interfaceRows(status.interception),
    ...selfTestRows(status.selfTest),
    '',
    ...row('broker', brokerText(status.broker)),
    ...upstreamRows(status),
    ...trafficRows(status),
    '',
    ...row(
      'modem',
      `${status.modemId}, module ${status.version}, ${Math.round(status.memoryBytes / 1e6)} MB`,
    ),
  ])
}

/** Whether every socket answers as it should; what does not, and what to do. */
export function selfTestText(test: SelfTestDocument, paint: Paint): string {
  const heads = {
    pass: paint.good('PASS: every socket answers as it should'),
    'upstream-down': paint.bad('UPSTREAM DOWN: the modem’s own resolver does not answer'),
  }
  const [said] = Object.entries(heads).filter(([outcome]) => outcome === test.outcome)
  const todo = {
    pass: [],
    'upstream-down': row('to do', 'see whether that resolver and the uplink work'),
  }[test.outcome]
  return text([
    said?.[1] ?? paint.bad('FAIL: not every socket answers as it should'),
    ...(test.why === '' ? [] : row('why', test.why)),
    ...(todo ?? row('to do', 'see the log: `logread -e securenet`; then restart the module')),
    '',
    ...Object.entries(test.cells).flatMap(([name, cell]) => row(name, cell)),
    ...row('at', timeText(test.at)),
  ])
}
