/**
 * A client that asks all the while: every `everyMs` one question, from one source port that it keeps or from a fresh
 * one each. Prints a line whenever somebody else answers: `MS PORTS ANSWER`. argv: SERVER SOURCE fixed|random EVERYMS
 */
import { createSocket, type Socket } from 'node:dgram'

const [server, source, kind, every] = process.argv.slice(2) as [string, string, 'fixed' | 'random', string]
const type = server.includes(':') ? 'udp6' : 'udp4'
const name = Buffer.from('\x03who\x07example\x00\x00\x01\x00\x01', 'latin1')
let id = 0
let last = ''

function heard(reply: Buffer, socket: Socket): void {
  const answer = reply.length >= 16 && reply.readUInt16BE(6) > 0 ? [...reply.subarray(-4)].join('.') : 'none'
  if (kind === 'random') socket.close()
  if (answer === last) return
  last = answer
  process.stdout.write(`${Date.now()} ${kind} ${answer}\n`)
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
  id = (id + 1) & 0xffff
  const head = Buffer.from([id >> 8, id & 255, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0])
  socket.send(Buffer.concat([head, name]), 53, server, () => {})
  // One that was never answered must not stay open for ever.
  if (questions.length > 50)
    try {
      questions.shift()?.close()
    } catch {}
}, Number(every))
