import { isDeepStrictEqual } from 'node:util'
import type { Desired } from '../../../module/line/types.ts'
import { refused } from '../exit.ts'
import { numbersOf } from '../numbers.ts'
import type { Reported } from '../reported.ts'
import type {
  Act,
  DocumentRecord,
  JournalEntry,
  LineInfo,
  LineRecord,
  OrderRecord,
  Outcome,
  Pack,
  ReportRecord,
} from './records.ts'
import type { Entry, Store, Stored, Write } from './store.ts'

/** An order that is to become the line's last one. */
export interface Claim {
  /** As it was when the number was chosen. */
  line: LineRecord
  desired: Desired
  jws: string
  act: string
}

const pageSize = 500

/** What the operator's side knows. The broker confirms it, and tells what modems report. */
export class Register {
  readonly #store: Store
  readonly #now: () => number

  /** @param now ms since 1970 */
  constructor(store: Store, now: () => number) {
    this.#store = store
    this.#now = now
  }

  async line(lineId: string): Promise<LineRecord> {
    const [line] = await this.linesOf([lineId])
    return line!
  }

  /** In the order of the ids, also of lines that are not known. */
  async linesOf(lineIds: readonly string[]): Promise<LineRecord[]> {
    const [infos, orders, reports] = await Promise.all([
      this.#store.get('line', lineIds),
      this.#store.get('order', lineIds),
      this.#store.get('report', lineIds),
    ])
    return lineIds.map((lineId, i) => {
      const order = orders[i] as Stored<OrderRecord> | undefined
      const report = reports[i] as Stored<ReportRecord> | undefined
      return {
        lineId,
        groups: (infos[i] as Stored<LineInfo> | undefined)?.value.groups ?? [],
        orderVersion: order?.version ?? 0,
        ...(order && { order: order.value }),
        ...(report && { report: report.value }),
      }
    })
  }

  /** Every known line, by id; a page is in memory at a time. */
  async *lines(): AsyncGenerator<LineRecord> {
    for (let after = ''; ; ) {
      const page = await this.#store.page('line', after, pageSize)
      if (page.length === 0) return
      yield* await this.linesOf(page.map(([lineId]) => lineId))
      after = page.at(-1)![0]
    }
  }

  /**
   * The number is the line's from now on, if nobody has claimed one since `claim.line` was read.
   * @throws OperatorError OPERATOR_CONFLICT
   */
  async claim({ line, desired, jws, act }: Claim): Promise<void> {
    const { lineId } = line
    const numbers = numbersOf(desired)
    const order: OrderRecord = { desired, jws, act }
    const outcome: Outcome = { lineId, numbers, state: 'ordered' }
    const isClaimed = await this.#store.commit(
      [
        ...(await this.#known(lineId)),
        { kind: 'order', key: lineId, value: order, expected: line.orderVersion },
        { kind: 'outcome', key: `${act}/${lineId}`, value: outcome },
      ],
      [this.#entry({ type: 'order', act, lineId, numbers, service: desired.service })],
    )
    if (!isClaimed) throw await this.#conflict(lineId)
  }

  async #conflict(lineId: string) {
    const { order } = await this.line(lineId)
    const now = order
      ? `${order.desired.service}, generation ${order.desired.generation}, sequence ${order.desired.sequence}`
      : 'forgotten'
    return refused(
      'OPERATOR_CONFLICT',
      `line ${lineId}: somebody else has ordered meanwhile (${now}); nothing was ordered from here`,
      '`line show` it, then repeat your order if it is still wanted.',
    )
  }

  /** An order of this operator's that another register, or none, has given. @returns false where the register has moved on */
  learn(line: LineRecord, desired: Desired, jws: string): Promise<boolean> {
    return this.#replaceOrder(line, { desired, jws })
  }

  /** The same order under another key. @returns false where the register has moved on */
  signedAgain(line: LineRecord, desired: Desired, jws: string): Promise<boolean> {
    const { act } = line.order ?? {}
    return this.#replaceOrder(line, { desired, jws, ...(act !== undefined && { act }) })
  }

  async #replaceOrder(line: LineRecord, order: OrderRecord): Promise<boolean> {
    return this.#store.commit([
      ...(await this.#known(line.lineId)),
      { kind: 'order', key: line.lineId, value: order, expected: line.orderVersion },
    ])
  }

  /** A report that was right by its schema; the line is known from now on. */
  async heard(lineId: string, reported: Reported): Promise<void> {
    const report: ReportRecord = { reported, heardAt: this.#now() }
    await this.#store.commit([...(await this.#known(lineId)), { kind: 'report', key: lineId, value: report }])
  }

  /** @returns what makes the line known, if it is not; whoever is first does it */
  async #known(lineId: string): Promise<Write[]> {
    const [line] = await this.#store.get('line', [lineId])
    return line ? [] : [{ kind: 'line', key: lineId, value: { groups: [] } satisfies LineInfo }]
  }

  /** Its numbers stay: a modem that has them ignores lower ones. @returns false where the order has moved on */
  async forget({ lineId, order, orderVersion }: LineRecord, act: string): Promise<boolean> {
    const forgotten = order && { ...order, forgotten: true }
    return this.#store.commit(
      [
        { kind: 'line', key: lineId, value: undefined },
        { kind: 'report', key: lineId, value: undefined },
        ...(forgotten
          ? [{ kind: 'order' as const, key: lineId, value: forgotten, expected: orderVersion }]
          : []),
      ],
      [this.#entry({ type: 'forget', act, lineId })],
    )
  }

  /** @returns how many lines were changed */
  async regroup(
    lineIds: readonly string[],
    { group, join, act }: { group: string; join: boolean; act: string },
  ): Promise<number> {
    let changed = 0
    for (const lineId of lineIds) {
      for (let isDone = false; !isDone; ) {
        const [line] = (await this.#store.get('line', [lineId])) as (Stored<LineInfo> | undefined)[]
        const groups = line?.value.groups ?? []
        if (groups.includes(group) === join) break
        const value = { groups: join ? [...groups, group].sort() : groups.filter((name) => name !== group) }
        isDone = await this.#store.commit([
          { kind: 'line', key: lineId, value, expected: line?.version ?? 0 },
        ])
        if (isDone) changed++
      }
    }
    const [added, removed] = join ? [[...lineIds], []] : [[], [...lineIds]]
    await this.#store.commit([], [this.#entry({ type: 'group', act, group, added, removed })])
    return changed
  }

  async pack(name: string): Promise<Pack | undefined> {
    const [pack] = await this.#store.get('pack', [name])
    return pack?.value as Pack | undefined
  }

  async putPack(pack: Pack): Promise<void> {
    await this.#store.commit([{ kind: 'pack', key: pack.pack, value: pack }])
  }

  /** The last one that was published at `topic` from here. */
  async document(topic: string): Promise<DocumentRecord | undefined> {
    const [document] = await this.#store.get('document', [topic])
    return document?.value as DocumentRecord | undefined
  }

  /** Topics of all that were published from here. */
  async documentTopics(): Promise<string[]> {
    const topics: string[] = []
    for (;;) {
      const page = await this.#store.page('document', topics.at(-1) ?? '', pageSize)
      if (page.length === 0) return topics
      topics.push(...page.map(([topic]) => topic))
    }
  }

  /**
   * @param before as `document()` gave it; undefined: none
   * @throws OperatorError OPERATOR_CONFLICT where it is not the last one any more
   */
  async claimDocument(
    topic: string,
    before: DocumentRecord | undefined,
    next: DocumentRecord & { act: string },
  ): Promise<void> {
    const [now] = await this.#store.get('document', [topic])
    const isAsBefore = isDeepStrictEqual(now?.value, before)
    const { act, sequence } = next
    const isClaimed =
      isAsBefore &&
      (await this.#store.commit(
        [{ kind: 'document', key: topic, value: next, expected: now?.version ?? 0 }],
        [this.#entry({ type: 'document', act, topic, sequence })],
      ))
    if (isClaimed) return
    throw refused(
      'OPERATOR_CONFLICT',
      `${topic}: somebody else has published sequence ${(now?.value as DocumentRecord | undefined)?.sequence ?? 'none'} meanwhile; nothing was published from here`,
      'Look at what is in force, then repeat your command if it is still wanted.',
    )
  }

  /** The same document under another key, or one of ours that another register has published. @returns false where the register has moved on */
  async replaceDocument(
    topic: string,
    before: DocumentRecord | undefined,
    next: DocumentRecord,
  ): Promise<boolean> {
    const [now] = await this.#store.get('document', [topic])
    if (!isDeepStrictEqual(now?.value, before)) return false
    return this.#store.commit([{ kind: 'document', key: topic, value: next, expected: now?.version ?? 0 }])
  }

  /**
   * @returns the act that goes on: an earlier one of the same key and command
   * @throws OperatorError OPERATOR_KEY_USED where the key is another command's
   */
  async begin(act: Act): Promise<string> {
    const { key } = act
    const entry = this.#entry({ type: 'begin', ...act })
    const write = key === undefined ? [] : [{ kind: 'act' as const, key, value: act, expected: 0 }]
    if (await this.#store.commit(write, [entry])) return act.act
    const [stored] = await this.#store.get('act', [key!])
    const before = stored?.value as Act
    if (before.command !== act.command)
      throw refused(
        'OPERATOR_KEY_USED',
        `the key ${key} was used for another command: ${before.command}`,
        'The same command goes on under its key; a new command needs a new one.',
      )
    await this.#store.commit([], [this.#entry({ type: 'begin', ...act, act: before.act })])
    return before.act
  }

  async outcomes(act: string, lineIds: readonly string[]): Promise<(Outcome | undefined)[]> {
    const found = await this.#store.get(
      'outcome',
      lineIds.map((lineId) => `${act}/${lineId}`),
    )
    return found.map((outcome) => outcome?.value as Outcome | undefined)
  }

  async settle(act: string, outcome: Outcome): Promise<void> {
    await this.#store.commit(
      [{ kind: 'outcome', key: `${act}/${outcome.lineId}`, value: outcome }],
      [this.#entry({ type: 'outcome', act, ...outcome })],
    )
  }

  async end(act: string, result: { exit: number; code?: string; message?: string }): Promise<void> {
    await this.#store.commit([], [this.#entry({ type: 'end', act, ...result })])
  }

  /** Entries with a number above `after`. */
  async *journal(after = 0): AsyncGenerator<Entry> {
    for (let last = after; ; ) {
      const page = await this.#store.entries(last, pageSize)
      if (page.length === 0) return
      yield* page
      last = page.at(-1)!.number
    }
  }

  close(): Promise<void> {
    return this.#store.close()
  }

  #entry<T extends Omit<JournalEntry, 'at'>>(entry: T): T & { at: number } {
    return { ...entry, at: this.#now() }
  }
}
