import { setTimeout as sleep } from 'node:timers/promises'
import { topics } from '../../../module/control/mqtt/topics.ts'
import type { Broker } from '../broker.ts'
import type { Bench, Check, Found, ModemAccount } from './check.ts'

/** Empty and not retained: modems, and this tool, ignore it wherever it comes. */
async function passes(from: Broker, to: Broker, topic: string, waitMs: number): Promise<boolean> {
  let isHeard = false
  let end = async () => {}
  try {
    end = await to.follow(topic, (_topic, payload) => {
      isHeard ||= payload.length === 0
    })
    await from.publish(topic, '', false)
    for (const until = performance.now() + waitMs; !isHeard && performance.now() < until; ) await sleep(20)
  } catch (error) {
    const { code } = error as { code?: string }
    if (code !== 'OPERATOR_NOT_AUTHORISED') throw error
  } finally {
    await end().catch(() => undefined)
  }
  return isHeard
}

/** What must pass may take the broker's time; what must not is waited for so long. */
const forbiddenMs = 1500

function mayNot(what: string, follows: string, test: () => Promise<boolean>): Check {
  return {
    what,
    follows,
    run: async (): Promise<Found> => ((await test()) ? ['missing', 'it may'] : ['ok', 'refused']),
  }
}

function may(what: string, follows: string, test: () => Promise<boolean>): Check {
  return {
    what,
    follows,
    run: async (): Promise<Found> => ((await test()) ? ['ok', 'granted'] : ['missing', 'REFUSED']),
  }
}

/** Read and write at one topic of each kind, by names that are nobody's; `fleet` and `keys` with what says nothing. */
export function operatorAccess({ broker, name, answerMs }: Bench): Check[] {
  const kinds = [
    ['orders', topics.desired(name)],
    ['fleet order', topics.fleet()],
    ['keys', topics.keys(2 ** 31)],
    ['list heads', topics.head(name)],
    ['list chunks', topics.snapshot(name, 1, 0)],
    ['requests', topics.request(name)],
  ] as const
  return kinds.map(([what, topic]) =>
    may(`operator: ${what}`, `grant this account read and write at ${topic.replace(name, '+')}`, () =>
      passes(broker, broker, topic, answerMs),
    ),
  )
}

const untried: Check = {
  what: 'modem: access list',
  follows: 'give --modem-cert, --modem-key, --modem and --line of a modem to try it',
  run: async () => ['not tried', 'no modem’s account was given'],
}

/** With a modem's own account; what a modem of that name is doing is not disturbed. */
export function modemAccess(bench: Bench, account: ModemAccount | undefined): Check[] {
  if (!account) return [untried]
  const { broker, name, answerMs } = bench
  const { lineId, modemId, certFile, keyFile } = account
  let opened: Promise<Broker> | undefined
  const modem = () => (opened ??= bench.open({ as: { certFile, keyFile } }))
  const hears = (topic: string) => async () => passes(broker, await modem(), topic, answerMs)
  const tells = (topic: string) => async () => passes(await modem(), broker, topic, answerMs)
  const mustHear =
    'the modem obeys nothing of this kind; the broker may answer SUBSCRIBE with success all the same'
  return [
    may('modem: reads its line’s order', mustHear, hears(topics.desired(lineId))),
    may('modem: reads the fleet order', mustHear, hears(topics.fleet())),
    may('modem: reads keys', mustHear, hears(topics.keys(2 ** 31))),
    may('modem: reads list heads', mustHear, hears(topics.head(name))),
    may('modem: reads its requests', mustHear, hears(topics.request(modemId))),
    may('modem: reports its line', 'nobody knows what it does', tells(topics.reported(lineId))),
    may('modem: tells its presence', 'it is shown as away', tells(topics.presence(modemId))),
    may('modem: answers requests', 'no answer ever comes', tells(topics.response(modemId))),
    mayNot('modem: writes an order', 'it can clear its own order', async () =>
      passes(await modem(), broker, topics.desired(lineId), forbiddenMs),
    ),
    mayNot('modem: reads another line’s order', 'it learns who is a customer', async () =>
      passes(broker, await modem(), topics.desired(name), forbiddenMs),
    ),
    mayNot('modem: reports for another line', 'it can say that others are protected', async () =>
      passes(await modem(), broker, topics.reported(name), forbiddenMs),
    ),
  ]
}
