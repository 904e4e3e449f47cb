/**
 * A device of the household that asks now and then, as people do: names that are cached, fresh ones and listed ones, from a
 * fresh port each, and again after a second where no answer came. Prints one line of JSON at its end, see `Honest`.
 * argv: SERVER SOURCE MILLISECONDS EVERY_MS
 */
import { createSocket } from 'node:dgram'
import { type Kind, question } from './flood-questions.ts'

export interface Honest {
  asked: number
  /** Answered, be it the second time. */
  answered: number
  /** Answered the first time that it was asked. */
  first: number
  /** ms, of those answered the first time. */
  p50: number
  p99: number
  worst: number
}

const [server, source, forMs, everyMs] = process.argv.slice(2) as [string, string, string, string]
const kinds: Kind[] = ['hit', 'miss', 'blocked', 'hit']
/** As stub resolvers have it: glibc waits 5 s, others 1 s or 2 s. */
const PATIENCE_MS = 2000
const TRIES = 3
const times: number[] = []
let asked = 0
let answered = 0
let waiting = 0

function ask(message: Buffer, triesLeft: number): void {
  const socket = createSocket(server.includes(':') ? 'udp6' : 'udp4')
  const began = performance.now()
  const end = () => {
    clearTimeout(timer)
    socket.close()
    waiting--
  }
  const timer = setTimeout(() => {
    end()
    if (triesLeft > 1) ask(message, triesLeft - 1)
  }, PATIENCE_MS)
  waiting++
  socket.on('error', () => {})
  socket.on('message', (reply) => {
    // Rate-limited (TC) or SERVFAIL is no answer.
    if (reply.length < 12 || reply[0] !== message[0] || reply[1] !== message[1]) return
    if ((reply[2]! & 2) !== 0 || (reply[3]! & 15) === 2) return
    if (triesLeft === TRIES) times.push(performance.now() - began)
    answered++
    end()
  })
  socket.bind({ address: source }, () => socket.send(message, 53, server, () => {}))
}

function report(): void {
  times.sort((a, b) => a - b)
  const at = (share: number) =>
    Math.round((times[Math.floor(times.length * share)] ?? times.at(-1) ?? 0) * 10) / 10
  const told: Honest = { asked, answered, first: times.length, p50: at(0.5), p99: at(0.99), worst: at(1) }
  process.stdout.write(`${JSON.stringify(told)}\n`)
}

const ends = performance.now() + Number(forMs)
const asking = setInterval(() => {
  if (performance.now() < ends) ask(question(kinds[asked++ % kinds.length]!), TRIES)
  else if (waiting === 0) {
    clearInterval(asking)
    report()
  }
}, Number(everyMs))
