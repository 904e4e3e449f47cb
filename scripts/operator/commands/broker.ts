import { modemAccess, operatorAccess } from '../broker-check/access.ts'
import { Bench, type Finding, type ModemAccount, runChecks } from '../broker-check/check.ts'
import { otherNode, propertyChecks } from '../broker-check/properties.ts'
import { type AddCommands, within } from '../commands.ts'
import type { Context } from '../context.ts'
import { refused, usage } from '../exit.ts'
import { counted, table } from '../output.ts'
import { parseLineId } from './line-arguments.ts'

interface CheckFlags {
  modem?: string
  line?: string
  modemCert?: string
  modemKey?: string
  also?: string[]
}

function modemOf({ modem, line, modemCert, modemKey }: CheckFlags): ModemAccount | undefined {
  const given = [modem, line, modemCert, modemKey].filter((each) => each !== undefined).length
  if (given === 0) return undefined
  if (modem === undefined || line === undefined || modemCert === undefined || modemKey === undefined)
    throw usage('--modem, --line, --modem-cert and --modem-key go together')
  return { modemId: modem, lineId: line, certFile: modemCert, keyFile: modemKey }
}

const rowOf = ({ what, verdict, found, follows }: Finding) => [
  what,
  verdict === 'missing' ? 'MISSING' : verdict,
  found,
  follows,
]

async function check(context: Context, flags: CheckFlags): Promise<void> {
  const account = modemOf(flags)
  const bench = new Bench(context.profile, await context.broker(), context.answerMs)
  const checks = [
    ...propertyChecks(bench),
    ...(flags.also ?? []).map((url) => otherNode(bench, url)),
    ...operatorAccess(bench),
    ...modemAccess(bench, account),
  ]
  let findings: Finding[]
  try {
    findings = await runChecks(checks, context.output.progress('checks', checks.length))
  } finally {
    await bench.end()
  }
  context.output.result(
    { findings },
    table([['WHAT', 'RESULT', 'FOUND', 'WHAT FOLLOWS'], ...findings.map(rowOf)]),
  )
  const missing = findings.filter(({ verdict }) => verdict === 'missing')
  if (missing.length > 0)
    throw refused(
      'OPERATOR_BROKER_LACKS',
      `${counted(missing.length, 'thing')} that modems or this tool need: ${missing.map(({ what }) => what).join('; ')}`,
      'The table says what follows of each. docs/operating.md has access lists.',
    )
}

export const addBrokerCommands: AddCommands = (program, world) => {
  const broker = program.command('broker').description('what a broker can, and what it lets us do')
  const command = broker
    .command('check')
    .description('try everything that modems and this tool need, by names that are nobody’s; takes a minute')
    .option('--modem <id>', 'of the modem whose account is tried', parseLineId)
    .option('--line <id>', 'that this modem serves', parseLineId)
    .option('--modem-cert <file>', 'its certificate')
    .option('--modem-key <file>', 'and key')
    .option(
      '--also <url>',
      'another node of the cluster, which must have what is retained through the first; may be given several times',
      (text: string, before: string[] = []) => [...before, text],
    )
    .action((flags: CheckFlags) => within(world, command, (context) => check(context, flags)))
}
