import type { Role, RoleKeys } from '../../module/control/documents/kinds.ts'
import { topics } from '../../module/control/mqtt/topics.ts'
import type { Broker } from './broker.ts'
import type { Context } from './context.ts'
import { verifyWith } from './keys.ts'
import { inTurns } from './many-orders.ts'
import { type Sign, spentAbove } from './orders.ts'
import { counted } from './output.ts'
import type { KeyFolder } from './signing/key-folder.ts'

const filters = { line: topics.desired('+'), list: topics.head('+'), fleet: topics.fleet() } as const
const kinds = { line: 'desired', list: 'head', fleet: 'fleet' } as const

interface Signed {
  topic: string
  /** As it was when it was read. */
  jws: Buffer
  again: (sign: Sign) => Promise<string>
}

/** What is on the broker under a role's keys. */
interface Found {
  role: Role
  ours: Signed[]
  /** Left alone: topics of what neither these keys nor the ones in force have signed, or whose numbers a thief has spent. */
  foreign: string[]
}

function isSpent(payload: { sequence: number; generation?: number }): boolean {
  return Math.max(payload.sequence, payload.generation ?? 0) > spentAbove
}

async function documentsOf(broker: Broker, role: Role, keys: RoleKeys, inForce?: RoleKeys): Promise<Found> {
  const found: Found = { role, ours: [], foreign: [] }
  // Requests live two minutes and are not retained.
  if (role === 'request') return found
  const kind = kinds[role]
  for (const [topic, jws] of await broker.retained(filters[role])) {
    try {
      const payload = await verifyWith(kind, keys, jws)
      // Signed again, they would be spent under the new key too.
      if (isSpent(payload)) throw new Error('its numbers are spent')
      found.ours.push({ topic, jws, again: (sign) => sign(kind, payload) })
    } catch {
      const isNew = inForce && (await verifyWith(kind, inForce, jws).catch(() => undefined))
      if (!isNew) found.foreign.push(topic)
    }
  }
  return found
}

/** Documents that keys to be replaced have signed, or a rotation that was broken off has left. */
export class ToSignAgain {
  readonly #broker: Broker
  readonly #keys: ReadonlyMap<Role, RoleKeys>

  /** @param keys of each role, as they were */
  constructor(broker: Broker, keys: ReadonlyMap<Role, RoleKeys>) {
    this.#broker = broker
    this.#keys = keys
  }

  async count(): Promise<number> {
    const found = await this.#find()
    return found.reduce((sum, { ours }) => sum + ours.length, 0)
  }

  /**
   * With the keys in force now: a modem that reads these documents for the first time would else find nothing that it may
   * obey. An order that somebody gives meanwhile is not overwritten by the one before it.
   */
  async sign(context: Context, { sign, current }: KeyFolder): Promise<Record<string, SignedAgain>> {
    const found = await this.#find((role) => current.roles[role])
    const total = found.reduce((sum, { ours }) => sum + ours.length, 0)
    const progress = context.output.progress('sign', total)
    let done = 0
    const again: Record<string, SignedAgain> = {}
    for (const { role, ours, foreign } of found) {
      const signed = await inTurns(ours, async (document) => {
        const isSame = await this.#signOne(document, sign)
        progress(++done)
        return isSame
      })
      again[role] = { signed: signed.filter(Boolean).length, foreign }
    }
    return again
  }

  async #signOne({ topic, jws, again }: Signed, sign: Sign): Promise<boolean> {
    const anew = await again(sign)
    const now = (await this.#broker.retained(topic)).get(topic)
    if (!now?.equals(jws)) return false
    await this.#broker.publish(topic, anew, true)
    return true
  }

  async #find(inForce: (role: Role) => RoleKeys | undefined = () => undefined): Promise<Found[]> {
    const found: Found[] = []
    for (const [role, keys] of this.#keys)
      found.push(await documentsOf(this.#broker, role, keys, inForce(role)))
    return found
  }
}

export interface SignedAgain {
  signed: number
  foreign: string[]
}

export function againRows(again: Record<string, SignedAgain>): string[] {
  return Object.entries(again).map(
    ([role, { signed, foreign }]) =>
      `${role}: ${counted(signed, 'document')} signed again${foreign.length > 0 ? `, left alone: ${foreign.join(', ')}` : ''}`,
  )
}
