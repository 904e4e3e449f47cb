import { categories, categoryName } from '../../module/category.ts'
import { nameFromText, nameToText } from '../../module/dns/name.ts'
import { createAnswerInspector } from '../../module/query/answer-inspector.ts'
import { createBlockedReply } from '../../module/query/blocked.ts'
import { Cache } from '../../module/query/cache.ts'
import { createChain } from '../../module/query/chain.ts'
import type { UpstreamPort } from '../../module/query/forward.ts'
import { Nat64 } from '../../module/query/nat64.ts'
import { DROP, PENDING, Query } from '../../module/query/query.ts'
import { createRateLimit } from '../../module/query/rate-limit.ts'
import { type OwnDataPort, SecondLook } from '../../module/query/second-look.ts'
import { clientsOf } from './clients.ts'
import { exchanged } from './exchanged.ts'
import { FakeClock } from './fake-clock.ts'
import { opt, option, query, type ReplyRecord, reply } from './wire.ts'
import { decode, ipv6Bytes, rdataFromText, typeNumber } from './zone-text.ts'

/**
 * A scenario is text (test/scenarios/README.md): what is on the list, how upstream behaves, what a client asks, what it gets.
 */
export interface Scenario {
  title: string
  file: string
  lines: { number: number; words: string[]; text: string }[]
}

export function parseScenarios(file: string, text: string): Scenario[] {
  const scenarios: Scenario[] = []
  for (const [i, line] of text.split('\n').entries()) {
    if (line.startsWith('== ')) scenarios.push({ title: line.slice(3).trim(), file, lines: [] })
    else if (line.trim() !== '' && !line.trim().startsWith('#')) {
      const scenario = scenarios.at(-1)
      if (!scenario) throw new Error(`${file}:${i + 1}: no "== title" before this line`)
      scenario.lines.push({ number: i + 1, words: line.trim().split(/\s+/), text: line.trim() })
    }
  }
  return scenarios
}

const rcodes = ['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED']
const rcodeNumber = (text: string) => (text === 'BADVERS' ? 16 : rcodes.indexOf(text))
const rcodeName = (number: number) => (number === 16 ? 'BADVERS' : (rcodes[number] ?? `RCODE${number}`))

type Done = Parameters<UpstreamPort['exchange']>[1]
interface Behaviour {
  failure?: 'timeout' | 'network' | 'overload'
  held?: boolean
  withoutOpt?: boolean
  flags: number
  sections: [ReplyRecord[], ReplyRecord[], ReplyRecord[]]
  options: Buffer[]
}

const sectionIndex: Readonly<Record<string, number>> = { answer: 0, authority: 1, additional: 2 }
const headerFlags: Readonly<Record<string, number>> = { tc: 0x200, ad: 0x20, aa: 0x400, cd: 0x10 }

/** One household's chain with a list in a Map and an upstream that does as it is told. */
export class ScenarioRun {
  readonly #clock = new FakeClock()
  readonly #list = new Map<string, number>()
  readonly #allowed = new Set<string>()
  readonly #behaviours = new Map<string, Behaviour>()
  readonly #held: (() => void)[] = []
  readonly #views = new Map<string, number>()
  readonly #options = {
    protecting: true,
    revision: 1,
    structured: false,
    ipv6: null as Buffer | null,
    qps: undefined as number | undefined,
    burst: 2000,
    protects: false,
  }
  readonly #household = { zone: [] as string[], host: [] as string[], asked: [] as string[] }
  readonly #own = new Set<string>()
  #chain: ((query: Query) => Buffer | symbol) | null = null
  #asked = 0
  #lastForwarded: Buffer | null = null
  #behaviour: Behaviour | null = null
  #replies: { reply: Buffer | null; query: Query }[] = []
  #checked = { answer: 0, authority: 0, additional: 0 }

  async run(scenario: Scenario): Promise<void> {
    for (const { number, words, text } of scenario.lines) {
      try {
        await this.#line(words, text)
      } catch (error) {
        throw new Error(`${scenario.file}:${number}: ${text}\n  ${(error as Error).message}`, {
          cause: error,
        })
      }
    }
    this.#nothingUnsaid()
  }

  async #line([verb = '', ...words]: string[], text: string): Promise<void> {
    switch (verb) {
      case 'list':
        this.#list.set(this.#name(words[1]), categories.indexOf(words[0] as (typeof categories)[number]))
        this.#options.revision++
        return
      case 'unlist':
        this.#list.delete(this.#name(words[0]))
        this.#options.revision++
        return
      case 'allow':
        this.#allowed.add(this.#name(words[0]))
        this.#options.revision++
        return
      case 'protecting':
        this.#options.protecting = words[0] === 'yes'
        this.#options.revision++
        return
      case 'page6':
        this.#options.ipv6 = ipv6Bytes(words[0]!)
        return
      case 'structured':
        this.#options.structured = true
        return
      case 'limit':
        this.#options.qps = Number(words[0])
        this.#options.burst = Number(words[1])
        return
      case 'household':
        if (words[0] === 'protects') this.#options.protects = true
        else this.#household[words[0] as 'zone' | 'host' | 'asked'].push(words[1]!)
        return
      case 'own':
        this.#own.add(`${this.#name(words[0])} ${typeNumber(words[1] ?? 'A')}`)
        return
      case 'view':
        this.#views.set(words[0]!, Number(words[1]))
        return
      case 'upstream':
        return this.#upstream(words)
      case '>':
        return this.#upstreamRecord(words)
      case 'wait':
        this.#clock.advance(Number(words[0]) * 1000)
        return
      case 'release':
        for (const send of this.#held.splice(0)) send()
        return
      case 'ask':
        return this.#ask(words)
      case 'send':
        return this.#send(Buffer.from(words.join(''), 'hex'), 'udp', '192.0.2.7')
      case 'expect':
        return this.#expect(words)
      case 'answer':
      case 'authority':
      case 'additional':
        return this.#expectRecord(verb, words.join(' '))
      case 'ede':
        return this.#expectEde(words)
      case 'opt':
        return this.#expectOpt(words)
      case 'noopt':
        if (this.#decoded().opt) throw new Error('there is an OPT')
        return
      case 'asked':
        if (this.#asked !== Number(words[0])) throw new Error(`upstream was asked ${this.#asked} times`)
        return
      case 'forwarded':
        return this.#expectForwarded(words)
      case 'reason':
        if (this.#last().query.reason !== words[0]) throw new Error(`reason is ${this.#last().query.reason}`)
        return
      case 'category':
        if (categoryName(this.#last().query.category) !== words[0])
          throw new Error(`category is ${categoryName(this.#last().query.category)}`)
        return
      case 'size':
        if (this.#last().reply!.length > Number(words[1]))
          throw new Error(`${this.#last().reply!.length} octets`)
        return
      default:
        throw new Error(`unknown verb in "${text}"`)
    }
  }

  #name(text = ''): string {
    const wire = nameFromText(text)
    if (!wire) throw new Error(`not a name: ${text}`)
    return nameToText(wire)
  }

  #upstream([name, type, rcode, ...flags]: string[]): void {
    const behaviour: Behaviour = { flags: 0x8180, sections: [[], [], []], options: [] }
    const number = rcodeNumber(rcode ?? 'NOERROR')
    if (rcode === 'timeout' || rcode === 'network' || rcode === 'overload') behaviour.failure = rcode
    else if (number >= 0) behaviour.flags |= number
    else throw new Error(`neither RCODE nor failure: ${rcode}`)
    let view = 0
    for (const flag of flags) {
      if (flag === 'held') behaviour.held = true
      else if (flag === 'noopt') behaviour.withoutOpt = true
      else if (flag.startsWith('view=')) view = Number(flag.slice('view='.length))
      else behaviour.flags |= headerFlags[flag] ?? 0
    }
    this.#behaviour = behaviour
    const asked = name === '*' ? '*' : `${this.#name(name)} ${typeNumber(type ?? 'A')}`
    this.#behaviours.set(`${view} ${asked}`, behaviour)
  }

  #upstreamRecord([section = '', ...words]: string[]): void {
    const behaviour = this.#behaviour
    if (!behaviour) throw new Error('no upstream before it')
    if (section === 'ede') {
      const code = Buffer.alloc(2)
      code.writeUInt16BE(Number(words[0]))
      behaviour.options.push(option(15, code))
      return
    }
    const [owner, ttl, type = '', ...data] = words
    const times = Number(/^x(\d+)$/.exec(data.at(-1) ?? '')?.[1] ?? 1)
    const cls = Number(/^class=(\d+)$/.exec(data.at(-1) ?? '')?.[1] ?? 1)
    const rdata = rdataFromText(type, times > 1 || cls > 1 ? data.slice(0, -1) : data)
    for (let i = 0; i < times; i++)
      behaviour.sections[sectionIndex[section]!]!.push({
        owner: owner!,
        ttl: Number(ttl),
        type: typeNumber(type),
        class: cls,
        rdata,
      })
  }

  #chainNow() {
    this.#chain ??= this.#createChain()
    return this.#chain
  }

  #createChain() {
    const { qps, burst, ipv6, structured } = this.#options
    const self = this
    const clock = this.#clock
    const policy = {
      get filtering() {
        return self.#options.protecting
      },
      get revision() {
        return self.#options.revision
      },
      verdict: (wire: Uint8Array, start: number) =>
        self.#isAllowed(wire, start) ? -1 : self.#verdict(wire, start),
      exempt: (wire: Uint8Array, start: number) => self.#isAllowed(wire, start),
    }
    const blocked = createBlockedReply({
      ipv4: Buffer.from([198, 18, 0, 53]),
      ipv6,
      pageUrl: 'http://198.18.0.53/',
      ttl: 10,
      structuredErrors: structured,
      operator: 'Proximus',
    })
    const exempt = nameFromText('intranet.example')!
    const nat64 = new Nat64()
    const upstream: UpstreamPort = { exchange: (exchange, done) => this.#exchange(exchange, done) }
    return createChain({
      policy,
      clients: clientsOf(),
      clock,
      blocked,
      cache: new Cache({ clock, bytes: 1 << 20 }),
      rateLimit: createRateLimit({ clock, clients: clientsOf(), queriesPerSecond: qps, burst }),
      inspect: createAnswerInspector({
        policy,
        blocked,
        rebindProtection: true,
        rebindExempt: (name, length) => nameToText(name.subarray(0, length)).endsWith(nameToText(exempt)),
        heldByStock: this.#options.protects,
        nat64,
      }),
      upstream,
      secondLook: new SecondLook({ upstream, ownData: { ask: this.#askOwn.bind(this) }, nat64, clock }),
      localZones: ['lan', 'home.arpa', ...this.#household.zone],
      household: { hosts: this.#household.host, asked: this.#household.asked },
      refuseBypass: true,
      viewOf: (client) => this.#views.get(client) ?? 0,
      observe: () => undefined,
    })
  }

  #verdict(wire: Uint8Array, start: number): number {
    for (let at = start; wire[at] !== 0; at += wire[at]! + 1) {
      const category = this.#list.get(nameToText(wire, at))
      if (category !== undefined) return category
    }
    return -1
  }

  #isAllowed(wire: Uint8Array, start: number): boolean {
    for (let at = start; wire[at] !== 0; at += wire[at]! + 1)
      if (this.#allowed.has(nameToText(wire, at))) return true
    return false
  }

  /** What the stock resolver holds itself: what the scenario says with `own`. */
  #askOwn(...[name, type, done]: Parameters<OwnDataPort['ask']>): void {
    const key = `${nameToText(name)} ${type}`
    const behaviour = this.#own.has(key) ? this.#behaviours.get(`0 ${key}`) : undefined
    const message = query({ name: nameToText(name), type, tail: opt({}) })
    queueMicrotask(() => {
      if (!behaviour) done(null)
      else
        exchanged(message, reply(message, { flags: behaviour.flags, answers: behaviour.sections[0] }), done)
    })
  }

  #exchange({ message, view }: Parameters<UpstreamPort['exchange']>[0], done: Done): void {
    const name = nameToText(message, 12).toLowerCase()
    const type = message.readUInt16BE(message.length - 11 - 4)
    // Whether there is DNS64: asked by the way, and most scenarios have none.
    if (name === 'ipv4only.arpa' && !this.#behaviours.has(`${view} ${name} ${type}`)) {
      queueMicrotask(() => done(null, 'network'))
      return
    }
    this.#asked++
    this.#lastForwarded = message
    const behaviour = this.#behaviours.get(`${view} ${name} ${type}`) ?? this.#behaviours.get(`${view} *`)
    if (!behaviour)
      throw new Error(`upstream ${view} was asked for ${name} ${type}, which the scenario does not say`)
    const send = () => {
      if (behaviour.failure) return done(null, behaviour.failure)
      const [answers, authorities, additionals] = behaviour.sections
      const options = behaviour.options.length > 0 ? { options: Buffer.concat(behaviour.options) } : {}
      const said = reply(message, {
        ...{ flags: behaviour.flags, answers, authorities, additionals },
        ...(!behaviour.withoutOpt && { opt: opt(options) }),
      })
      return exchanged(message, said, done)
    }
    if (behaviour.held) this.#held.push(send)
    else queueMicrotask(send)
  }

  async #ask(words: string[]): Promise<void> {
    const [name = '', type = 'A', ...options] = words
    const edns: Parameters<typeof opt>[0] = {}
    let flags = 0x0100
    let wantsOpt = false
    let transport: 'udp' | 'tcp' = 'udp'
    let from = '192.0.2.7'
    let cls = 1
    for (const text of options) {
      const [key, value] = text.split('=')
      if (key === '+edns' || key === '+do' || key === '+sde' || key === '+ecs' || key === '+ednsversion')
        wantsOpt = true
      if (key === '+edns' && value) edns.size = Number(value)
      else if (key === '+do') edns.flags = 0x8000
      else if (key === '+sde') edns.options = option(65400)
      else if (key === '+ecs') edns.options = option(8, Buffer.from([0, 1, 24, 0, 192, 0, 2]))
      else if (key === '+ednsversion') edns.version = Number(value)
      else if (key === '+cd') flags |= 0x10
      else if (key === '+ad') flags |= 0x20
      else if (key === '+norec') flags &= ~0x100
      else if (key === 'opcode') flags |= Number(value) << 11
      else if (key === 'class') cls = Number(value)
      else if (key === 'tcp') transport = 'tcp'
      else if (key === 'from') from = value!
      else if (key !== '+edns') throw new Error(`unknown option ${text}`)
    }
    const parts = { name, type: typeNumber(type), class: cls, flags }
    await this.#send(query(wantsOpt ? { ...parts, tail: opt(edns) } : parts), transport, from)
  }

  async #send(message: Buffer, transport: 'udp' | 'tcp', from: string): Promise<void> {
    this.#nothingUnsaid()
    const asked = new Query(message, from, transport)
    const entry: { reply: Buffer | null; query: Query } = { reply: null, query: asked }
    this.#replies.push(entry)
    this.#checked = { answer: 0, authority: 0, additional: 0 }
    asked.respond = (later) => {
      entry.reply = later
    }
    const outcome = this.#chainNow()(asked)
    if (outcome === PENDING) await new Promise((resolve) => setImmediate(resolve))
    else if (outcome !== DROP) entry.reply = outcome as Buffer
  }

  #last() {
    const last = this.#replies.at(-1)
    if (!last) throw new Error('nothing was asked')
    return last
  }

  #decoded() {
    const { reply: bytes } = this.#last()
    if (!bytes) throw new Error('no reply came')
    return decode(bytes)
  }

  #expect([rcode, ...flags]: string[]): void {
    const { reply: bytes, query: asked } = this.#last()
    if (rcode === 'nothing') {
      if (bytes) throw new Error(`a reply came: ${rcodeName(decode(bytes).rcode)}`)
      return
    }
    const decoded = this.#decoded()
    if (decoded.id !== asked.id) throw new Error('the ID is not the query’s')
    if (rcodeName(decoded.rcode) !== rcode) throw new Error(`RCODE is ${rcodeName(decoded.rcode)}`)
    if (flags.length > 0 && flags.join(' ') !== decoded.flags.join(' '))
      throw new Error(`flags are ${decoded.flags.join(' ')}`)
    const question = bytes!.subarray(12, asked.end)
    if (decoded.question && !question.equals(asked.message.subarray(12, asked.end)))
      throw new Error('the question is not copied as it was spelled')
  }

  #expectRecord(section: 'answer' | 'authority' | 'additional', text: string): void {
    const records = this.#decoded().sections[sectionIndex[section]!]!
    if (text === 'none-left') {
      const left = records.slice(this.#checked[section])
      if (left.length > 0) throw new Error(`there is: ${left.map((r) => r.text).join(' | ')}`)
      return
    }
    if (text === 'none') {
      if (records.length > 0) throw new Error(`there is: ${records.map((r) => r.text).join(' | ')}`)
      return
    }
    const record = records[this.#checked[section]++]
    if (record?.text !== text) throw new Error(`record is: ${record?.text ?? 'none'}`)
  }

  /** Every answer record of a reply must have been named, if any was. */
  #nothingUnsaid(): void {
    const last = this.#replies.at(-1)
    if (!last?.reply || this.#checked.answer === 0) return
    const records = decode(last.reply).sections[0]
    if (records.length > this.#checked.answer)
      throw new Error(
        `unnamed answers: ${records
          .slice(this.#checked.answer)
          .map((r) => r.text)
          .join(' | ')}`,
      )
  }

  #expectEde([code, ...words]: string[]): void {
    const found = this.#decoded().opt?.options.filter((o) => o.code === 15) ?? []
    if (code === 'none') {
      if (found.length > 0) throw new Error(`EDE ${found[0]!.data.readUInt16BE(0)}`)
      return
    }
    const text = words.join(' ')
    if (
      !found.some(
        ({ data }) => data.readUInt16BE(0) === Number(code) && data.subarray(2).toString().includes(text),
      )
    )
      throw new Error(
        `EDE is ${found.map(({ data }) => `${data.readUInt16BE(0)} ${data.subarray(2)}`).join(', ') || 'none'}`,
      )
  }

  #expectOpt(words: string[]): void {
    const { opt: found } = this.#decoded()
    if (!found) throw new Error('there is no OPT')
    const is = `size=${found.size} version=${found.version} flags=${found.flags.toString(16)} options=${found.options.map((o) => o.code).join(',')}`
    for (const word of words) if (!is.split(' ').includes(word)) throw new Error(`OPT is ${is}`)
  }

  /** What went upstream: name as spelled, flags, options. */
  #expectForwarded(words: string[]): void {
    if (!this.#lastForwarded) throw new Error('nothing was forwarded')
    const decoded = decode(this.#lastForwarded)
    const options = decoded.opt?.options.map((o) => o.code).join(',') ?? 'none'
    const is = [
      ...decoded.flags,
      `do=${decoded.opt && decoded.opt.flags & 0x8000 ? 1 : 0}`,
      `options=${options}`,
    ]
    for (const word of words) if (!is.includes(word)) throw new Error(`forwarded with ${is.join(' ')}`)
  }
}
