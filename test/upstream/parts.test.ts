import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ownClientKey } from '../../module/base/client-key.ts'
import { cookieOf, endsInOpt, findOpt, fullRcode } from '../../module/dns/edns.ts'
import { questionEndOf } from '../../module/dns/question.ts'
import { matchReply } from '../../module/dns/reply-matcher.ts'
import { FairQueue, type Queued } from '../../module/upstream/fair-queue.ts'
import { SplitUpstream } from '../../module/upstream/split-upstream.ts'
import { NO_TIMER, type Timed, TimerWheel } from '../../module/upstream/timer-wheel.ts'
import { zoneOf } from '../../module/upstream/zone-shares.ts'
import { FakeClock } from '../helpers/fake-clock.ts'
import { answerTo, cookieOption, queryFor, questionEnd } from '../helpers/hostile-upstream.ts'

const query = queryFor('www.Example.com')
const end = questionEnd(query)
const changed = (at: number, value: number) => {
  const reply = answerTo(query)
  reply[at] = value
  return reply
}

describe('matchReply (RFC 5452 §9.1)', () => {
  it.each<[string, Buffer, boolean, string]>([
    ['the answer', answerTo(query), true, 'match'],
    ['case folded, case free', changed(17, 0x65), false, 'match'],
    ['case folded, case drawn', changed(17, 0x65), true, 'wrong-case'],
    ['ID', changed(1, 0), false, 'wrong-id'],
    ['QR', changed(2, 0x01), false, 'junk'],
    ['opcode', changed(2, 0xa9), false, 'junk'],
    ['QDCOUNT 0', changed(5, 0), false, 'header-only'],
    ['QDCOUNT 257', changed(4, 1), false, 'wrong-question'],
    ['label length', changed(12, 4), false, 'wrong-question'],
    ['@ is not `', changed(13, 0x40), false, 'wrong-question'],
    ['type', changed(end - 3, 2), false, 'wrong-question'],
    ['class', changed(end - 1, 2), false, 'wrong-question'],
    ['cut', answerTo(query).subarray(0, end - 1), false, 'wrong-question'],
    ['header', answerTo(query).subarray(0, 11), false, 'junk'],
  ])('%s', (_name, reply, exact, expected) => {
    expect(matchReply(reply, 0x1234, query, end, exact)).toBe(expected)
  })

  it('never takes a mutated header or question', () => {
    fc.assert(
      fc.property(fc.nat(end - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const reply = answerTo(query)
        reply[at]! ^= flip
        const matched = matchReply(reply, 0x1234, query, end, true) === 'match'
        // The rest of the flags, the RCODE and the other counts are the server's to choose.
        const free = at === 3 || (at >= 6 && at < 12) || (at === 2 && (flip & 0xf8) === 0)
        return matched === free
      }),
      { numRuns: 2000 },
    )
  })

  it('never takes noise, never throws', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.boolean(), (octets, exact) => {
        return matchReply(Buffer.from(octets), 0x1234, query, end, exact) !== 'match'
      }),
      { numRuns: 5000 },
    )
  })
})

describe('message parts', () => {
  it('finds OPT, RCODE and cookie', () => {
    const cookie = Buffer.alloc(24, 7)
    const reply = answerTo(query, { rcode: 23, options: cookieOption(cookie) })
    const opt = findOpt(reply, end)
    expect(fullRcode(reply, opt)).toBe(23)
    expect(cookieOf(reply, opt)).toEqual(cookie)
    expect(findOpt(answerTo(query, { options: null }), end)).toBe(-1)
  })

  it('survives any reply', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (octets) => {
        const reply = Buffer.concat([answerTo(query).subarray(0, end), Buffer.from(octets)])
        const opt = findOpt(reply, end)
        cookieOf(reply, opt)
        return fullRcode(reply, opt) >= 0
      }),
      { numRuns: 5000 },
    )
  })

  it.each<[string, Buffer, number]>([
    ['a query', query, end],
    ['the root', queryFor(''), 17],
    ['a pointer', Buffer.concat([query.subarray(0, 12), Buffer.from('c00c00010001', 'hex')]), -1],
    ['cut', query.subarray(0, end - 1), -1],
    ['256 octets', queryFor(Array(5).fill('a'.repeat(63)).join('.')), -1],
  ])('questionEndOf %s', (_name, message, expected) => {
    expect(questionEndOf(message)).toBe(expected)
  })

  it('endsInOpt', () => {
    expect(endsInOpt(query)).toBe(true)
    expect(endsInOpt(queryFor('a.example', { opt: false }))).toBe(false)
  })
})

describe('SplitUpstream', () => {
  it('asks whose name it is, and the stock resolver while no other is known', () => {
    const asked: string[] = []
    const stock = { exchange: () => void asked.push('stock'), start: async () => {}, stop: async () => {} }
    const operator = {
      ...{ start: async () => {}, stop: async () => {}, setServers() {}, hasServers: false },
      exchange: () => void asked.push('operator'),
      stats: () => ({}) as never,
    }
    const split = new SplitUpstream({ stock, operator })
    const ask = (name: string, local: boolean) =>
      split.exchange(
        { key: '', message: queryFor(name), clientKey: ownClientKey('c'), tcp: false, local },
        () => {},
      )
    ask('a.example', false)
    operator.hasServers = true
    ask('a.example', false)
    ask('a.lan', true)
    expect(asked).toEqual(['stock', 'operator', 'stock'])
  })
})

describe('TimerWheel', () => {
  const entry = (): Timed => ({ wheelPrevious: null, wheelNext: null, dueTick: NO_TIMER })

  it('fires each once, never early, and stops its clock when nothing waits', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 40_000 }), { maxLength: 50 }),
        fc.nat(500),
        (delays, start) => {
          const clock = new FakeClock()
          clock.advance(start)
          const fired = new Map<Timed, number>()
          const wheel = new TimerWheel<Timed>({
            clock,
            tickMs: 50,
            onDue: (due) => void fired.set(due, clock.monotonic() - start),
          })
          const entries = delays.map(entry)
          delays.forEach((ms, i) => void wheel.schedule(entries[i]!, ms))
          entries.forEach((one, i) => void (i % 5 === 4 && wheel.cancel(one)))
          clock.advance(50_000)
          const right = delays.every((ms, i) => {
            const at = fired.get(entries[i]!)
            return i % 5 === 4 ? at === undefined : at !== undefined && at >= ms && at <= ms + 150
          })
          return right && wheel.size === 0 && clock.waiting === 0
        },
      ),
    )
  })

  it('after a standstill everything due fires at once', () => {
    const clock = new FakeClock()
    let fired = 0
    const wheel = new TimerWheel<Timed>({ clock, tickMs: 50, onDue: () => void fired++ })
    for (let i = 0; i < 300; i++) wheel.schedule(entry(), i * 50)
    clock.advance(60_000)
    expect(fired).toBe(300)
  })
})

describe('FairQueue', () => {
  const waiting = (clientKey: string): Queued => ({
    clientKey,
    queuePrevious: null,
    queueNext: null,
    queued: false,
  })

  it('gives each client its turn', () => {
    const queue = new FairQueue<Queued>(100)
    for (const key of ['a', 'a', 'a', 'b', 'c', 'b']) queue.add(waiting(key))
    const order = Array.from({ length: 6 }, () => queue.next()!.clientKey)
    expect(order.join('')).toBe('abcaba')
    expect(queue.next()).toBeNull()
  })

  it('full: the longest queue pays, never a modest client', () => {
    const queue = new FairQueue<Queued>(10)
    for (let i = 0; i < 10; i++) queue.add(waiting('greedy'))
    const one = waiting('modest')
    expect(queue.add(one)?.clientKey).toBe('greedy')
    expect(one.queued).toBe(true)
    const more = waiting('greedy')
    expect(queue.add(more)).toBe(more)
    expect(queue.size).toBe(10)
  })

  it('full of clients with one each: chance decides, so that a newcomer is not always the one to lose', () => {
    let next = 0
    const queue = new FairQueue<Queued>(4, { random: () => next })
    for (const key of ['a', 'b', 'c', 'd']) queue.add(waiting(key))
    const late = waiting('late')
    next = 0.6
    expect(queue.add(late)?.clientKey).toBe('c')
    expect(late.queued).toBe(true)
    // Nor does it get a second place at the others' cost.
    const more = waiting('late')
    expect(queue.add(more)).toBe(more)
  })

  it('the module’s own come first, and are driven out by nothing', () => {
    const queue = new FairQueue<Queued>(3, { random: () => 0 })
    for (const key of ['a', 'b', 'c']) queue.add(waiting(key))
    const own = waiting(ownClientKey('check'))
    expect(queue.add(own)).toBeNull()
    expect(queue.hasOwn).toBe(true)
    for (let i = 0; i < 50; i++) queue.add(waiting(`${i}`))
    expect(own.queued).toBe(true)
    expect(queue.next()).toBe(own)
    expect(queue.hasOwn).toBe(false)
  })

  it('keeps count whatever is added and removed', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(3), fc.nat(2))), (steps) => {
        const queue = new FairQueue<Queued>(8)
        const inside = new Set<Queued>()
        for (const [client, action] of steps) {
          if (action === 0) {
            const added = waiting(`${client}`)
            const dropped = queue.add(added)
            inside.add(added)
            if (dropped) inside.delete(dropped)
          } else if (action === 1) {
            const next = queue.next()
            if (next) inside.delete(next)
          } else {
            const [first] = inside
            if (first) queue.remove(first)
            if (first) inside.delete(first)
          }
          if (queue.size !== inside.size || ![...inside].every((one) => one.queued)) return false
        }
        return true
      }),
    )
  })
})

describe('the zone that a name counts against', () => {
  it.each([
    ['a.b.slow.example', 'slow.example'],
    ['slow.example', 'slow.example'],
    ['WWW.Slow.Example', 'slow.example'],
    ['x.shop.co.uk', 'shop.co.uk'],
    ['host.lan', 'host.lan'],
    ['lan', 'lan'],
    ['.', ''],
  ])('%s: %s', (name, zone) => {
    const labels = zone.split('.').filter((label) => label !== '')
    const onWire = labels.map((label) => String.fromCharCode(label.length) + label).join('')
    expect(zoneOf(queryFor(name))).toBe(onWire)
  })
})
