import { messageOf } from '../base/error.ts'
import type { NameExplanation } from '../diagnostics/explain-name.ts'
import { hostNameText } from '../diagnostics/host-name.ts'
import { rcodeText } from '../dns/constants.ts'
import { askReference } from '../health/reference-client.ts'
import { askDaemon } from '../local/socket.ts'
import type { Arguments } from './arguments.ts'
import { explanationText } from './explanation.ts'
import { colours, noColours, type Paint } from './sheet.ts'
import { type SelfTestDocument, type StatusDocument, selfTestText, statusText } from './status-text.ts'

export interface Output {
  out(text: string): void
  /** The terminal shows colours. */
  readonly colour: boolean
}

const CLIENT_MS = 3000

interface ListenerAddress {
  address: string
  port: number
}

/** The name through every listener, by the client that is not ours: what a device of the household would see. */
async function answersOf(name: string, listeners: readonly ListenerAddress[]): Promise<string[]> {
  return Promise.all(
    listeners.map(async ({ address, port }) => {
      const where = `udp ${address} port ${port}`
      try {
        const { rcode, addresses } = await askReference(
          { transport: 'udp', address, port },
          name,
          'A',
          CLIENT_MS,
        )
        return `${where}: ${rcodeText(rcode)} ${addresses.join(' ') || 'no address'}`
      } catch (error) {
        return `${where}: ${messageOf(error)}`
      }
    }),
  )
}

/** As grep: 0 found (blocked), 1 not. */
async function check(
  { operands: [text = ''], runDir, json }: Arguments,
  { out, colour }: Output,
): Promise<number> {
  const name = encodeURIComponent(hostNameText(text))
  const found = (await askDaemon(runDir, `/check?name=${name}`)) as NameExplanation & {
    listeners: ListenerAddress[]
  }
  const answers = await answersOf(found.name, found.listeners)
  out(json ? jsonText({ ...found, answers }) : explanationText(found, answers, paintOf(colour)))
  return found.blocked ? 0 : 1
}

const jsonText = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`

const paintOf = (colour: boolean): Paint => (colour ? colours : noColours)

/** `a.b: value` a line, for people. */
function flat(value: unknown, path = ''): string[] {
  if (typeof value !== 'object' || value === null) return [`${path}: ${String(value)}`]
  const entries = Object.entries(value)
  if (entries.length === 0) return [`${path}: none`]
  return entries.flatMap(([key, inner]) => flat(inner, path === '' ? key : `${path}.${key}`))
}

function show(value: unknown, { json }: Arguments, { out }: Output): void {
  out(json ? jsonText(value) : `${flat(value).join('\n')}\n`)
}

/**
 * Runs a verb that asks the running module.
 * @returns the exit code
 * @throws SecureNetError DAEMON_NOT_RUNNING and what the daemon refused with
 */
export async function askCommand(args: Arguments, output: Output): Promise<number> {
  const { verb, runDir, operands } = args
  if (verb === 'check') return check(args, output)
  if (verb === 'status') {
    const found = (await askDaemon(runDir, '/status')) as StatusDocument
    const now = Math.floor(Date.now() / 1000)
    output.out(args.json ? jsonText(found) : statusText(found, paintOf(output.colour), now))
    return 0
  }
  if (verb === 'selftest') {
    const result = (await askDaemon(runDir, '/self-test', { method: 'POST' })) as SelfTestDocument
    output.out(args.json ? jsonText(result) : selfTestText(result, paintOf(output.colour)))
    return result.outcome === 'pass' ? 0 : 1
  }
  if (verb === 'support') {
    output.out(jsonText(await askDaemon(runDir, '/support')))
    return 0
  }
  const body = { interface: operands[0] ?? null }
  show(await askDaemon(runDir, '/active-interface', { method: 'POST', body }), args, output)
  return 0
}
