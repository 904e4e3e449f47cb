import { randomUUID } from 'node:crypto'
import { InvalidArgumentError } from 'commander'
import { type Request, type RequestAction, requestActions } from '../../../module/control/documents/kinds.ts'
import { topics } from '../../../module/control/mqtt/topics.ts'
import { awaitMessage } from '../broker.ts'
import { type AddCommands, timeoutOption, within } from '../commands.ts'
import type { Context } from '../context.ts'
import { refused, usage } from '../exit.ts'
import { parseJson } from '../reported.ts'

interface RequestOptions {
  name?: string
  timeout: number
}

const says: Record<RequestAction, string> = {
  status: 'what the modem is doing',
  'self-test': 'test now, and answer with the matrix',
  'check-name': 'would this name be blocked, and why (--name)',
  'support-bundle': 'configuration without secrets, rules, counters, last log lines; no browsing history',
  sync: 'read list head and orders again',
}

/** So long a request may be under way; afterwards the modem refuses it. */
const lifeSeconds = 120

function parseModemId(text: string): string {
  if (!/^[A-Za-z0-9_.-]{1,64}$/.test(text))
    throw new InvalidArgumentError('A modem id is 1 to 64 letters, digits, "_", "." or "-".')
  return text
}

/**
 * A request that the modem could not verify is refused without its id. MQTT 5 tells by the correlation data whose it
 * was; on 3.1.1 a refusal that comes while we wait is taken for ours.
 */
function isOurs(answer: Record<string, unknown>, id: string, correlation: Buffer | undefined): boolean {
  if (correlation) return correlation.toString() === id
  return answer['id'] === id || (answer['id'] === undefined && answer['ok'] === false)
}

async function ask(
  context: Context,
  modemId: string,
  action: RequestAction,
  options: RequestOptions,
): Promise<void> {
  if ((action === 'check-name') !== (options.name !== undefined))
    throw usage(
      action === 'check-name'
        ? 'check-name needs --name NAME'
        : `--name belongs to check-name, not to ${action}`,
    )
  const issuedAt = Math.floor(context.world.now() / 1000)
  const request: Request = {
    v: 1,
    id: randomUUID(),
    modemId,
    action,
    ...(options.name === undefined ? {} : { name: options.name }),
    nonce: randomUUID().replaceAll('-', ''),
    issuedAt,
    expires: issuedAt + lifeSeconds,
  }
  const { broker, sign } = await context.tools()
  const jws = await sign('request', request)
  const mark = Buffer.from(request.id)
  const started = performance.now()
  const answer = await awaitMessage(
    broker,
    {
      filter: topics.response(modemId),
      timeoutMs: options.timeout,
      what: `answer of modem ${modemId}`,
      pick: (_topic, payload, correlation) => {
        const data = parseJson(payload)
        return data && isOurs(data, request.id, correlation) ? data : undefined
      },
    },
    () => broker.publish(topics.request(modemId), jws, false, mark),
  )
  const ms = Math.round(performance.now() - started)
  if (answer['ok'] !== true) {
    const { code, message } = answer as { code?: string; message?: string }
    throw refused(
      code ?? 'OPERATOR_REJECTED',
      `modem ${modemId} has refused ${action}: ${message ?? 'no reason given'}`,
      'docs/errors.md explains the code.',
    )
  }
  context.output.result({ ...answer, ms }, [JSON.stringify(answer['result'] ?? answer, null, 2)])
}

export const addRequestCommands: AddCommands = (program, world) => {
  const request = program.command('request').description('ask one modem something; signed, executed once')
  for (const action of requestActions) {
    const command = request
      .command(action)
      .description(says[action])
      .argument('<modem>', 'modem id', parseModemId)
      .addOption(timeoutOption('the answer'))
    if (action === 'check-name') command.option('--name <name>', 'the name to check')
    command.action(async (modemId: string, options: RequestOptions) => {
      await within(world, command, (context) => ask(context, modemId, action, options))
    })
  }
}
