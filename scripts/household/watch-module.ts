import { setTimeout as sleep } from 'node:timers/promises'
import dns2 from 'dns2'
import { SecureNetError } from '../../module/base/error.ts'
import { topics } from '../../module/control/mqtt/topics.ts'
import type { Broker } from '../operator/broker.ts'
import { parseJson, parseReported, protectionText, type Reported } from '../operator/reported.ts'
import { household } from './module-config.ts'

/** What the backend hears of its modem: nothing else tells the household how far it is. */
export class ModuleWatch {
  readonly #say: (step: string, text: string) => void
  #online = false
  #last = ''
  #reported: Reported | undefined
  #waiting: (() => void)[] = []

  constructor(say: (step: string, text: string) => void) {
    this.#say = say
  }

  get reported(): Reported | undefined {
    return this.#reported
  }

  async start(broker: Broker): Promise<void> {
    await broker.follow(topics.presence(household.modemId), (_topic, payload) => {
      const online = parseJson(payload)?.['online'] === true
      if (online === this.#online) return
      this.#online = online
      this.#say(online ? 'connected' : 'offline', `modem ${household.modemId}`)
    })
    await broker.follow(topics.reported(household.lineId), (_topic, payload) => {
      this.#reported = parseReported(payload, household.lineId)
      const text = protectionText(this.#reported)
      if (text !== this.#last) this.#say(this.#reported?.protecting ? 'protecting' : 'not yet', this.#tell())
      this.#last = text
      for (const wake of this.#waiting.splice(0)) wake()
    })
  }

  /** @throws SecureNetError HOUSEHOLD_NOT_PROTECTING with the reason that was reported last */
  async protecting(timeoutMs: number): Promise<void> {
    const end = performance.now() + timeoutMs
    while (!this.#reported?.protecting) {
      const left = end - performance.now()
      if (left <= 0)
        throw new SecureNetError(
          'HOUSEHOLD_NOT_PROTECTING',
          `protection is not on after ${timeoutMs / 1000} s; line ${household.lineId}: ${protectionText(this.#reported)}`,
        )
      await Promise.race([new Promise<void>((wake) => this.#waiting.push(wake)), sleep(left)])
    }
  }

  #tell(): string {
    const { list, why } = this.#reported ?? {}
    const names = list?.names === undefined ? '' : `, list version ${list.version} with ${list.names} names`
    return this.#reported?.protecting
      ? `line ${household.lineId}${names}`
      : `line ${household.lineId}: ${why ?? 'nothing reported'}`
  }
}

/** A real question over UDP, until the answer is the page's address. */
export async function blockedInDns(port: number, name: string, timeoutMs: number): Promise<boolean> {
  const ask = dns2.UDPClient({ dns: household.pageAddress, port, timeout: 1000 })
  const end = performance.now() + timeoutMs
  do {
    const reply = await ask(name, 'A').catch(() => undefined)
    if (reply?.answers.some((answer) => answer.address === household.pageAddress)) return true
    await sleep(50)
  } while (performance.now() < end)
  return false
}
