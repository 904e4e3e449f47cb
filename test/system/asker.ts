/**
 * A client that asks all the while: every `everyMs` one question, from one source port that it keeps or from a fresh
 * one each. Prints a line whenever somebody else answers: `MS PORTS LATE ANSWER`, where MS is when that question was sent,
 * and LATE how far apart two questions were at most since the line before, beyond `everyMs`, ms: a slow machine shows there.
 * argv: SERVER SOURCE fixed|random EVERYMS
 */
import { createSocket, type Socket } from 'node:dgram'

const [server, source, kind, every] = process.argv.slice(2) as [string, string, 'fixed' | 'random', string]
const type = server.includes(':') ? 'udp6' : 'udp4'
const name = Buffer.from('\x03who\x07example\x00\x00\x01\x00\x01', 'latin1')
const sentAt = new Map<number, number>()
let id = 0
let last = ''
let late = 0
let askedAt = performance.now()

function heard(reply: Buffer, socket: Socket): void {
  const answer = reply.length >= 16 && reply.readUInt16BE(6) > 0 ? [...reply.subarray(-4)].join('.') : 'none'
  if (kind === 'random') socket.close()
  if (answer === last) return
  last = answer
  process.stdout.write(`${sentAt.get(reply.readUInt16BE(0))} ${kind} ${Math.ceil(late)} ${answer}\n`)
  late = 0
}

function open(): Socket {
  const socket = createSocket(type)
  socket.on('message', (reply) => heard(reply, socket))
  socket.on('error', () => {})
  socket.bind(0, source)
  return socket
}

const kept = kind === 'fixed' ? open() : null
const questions: Socket[] = []
setInterval(() => {
  const socket = kept ?? open()
  if (!kept) questions.push(socket)
  const now = performance.now()
  late = Math.max(late, now - askedAt - Number(every))
  askedAt = now
  id = (id + 1) & 0xffff
  sentAt.set(id, Date.now())
  const head = Buffer.from([id >> 8, id & 255, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0])
  socket.send(Buffer.concat([head, name]), 53, server, () => {})
  // One that was never answered must not stay open for ever.
  if (questions.length > 50)
    try {
      questions.shift()?.close()
    } catch {}
}, Number(every))
