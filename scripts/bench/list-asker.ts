// Asks a port of loopback 500 times a second until its input ends; prints when each question went out and how long its
// answer took. A process of its own: the one that is asked must not wait for it.
import { createSocket } from 'node:dgram'
import { setTimeout as sleep } from 'node:timers/promises'

/** Of one question: ms since 1970, and ms until the answer, or null without one. */
export type Asked = [sent: number, wait: number | null]

const RATE = 500
const [port] = process.argv.slice(2).map(Number) as [number]
const socket = createSocket('udp4')
const asked: Asked[] = []
const wall = () => performance.timeOrigin + performance.now()
const question = Buffer.alloc(4)

socket.on('message', (answer) => {
  const entry = asked[answer.readUInt32BE(0)]
  if (entry) entry[1] = wall() - entry[0]
})
socket.connect(port, '127.0.0.1', () => {
  const began = performance.now()
  const timer = setInterval(() => {
    const due = Math.floor(((performance.now() - began) * RATE) / 1000)
    while (asked.length < due) {
      question.writeUInt32BE(asked.length)
      asked.push([wall(), null])
      socket.send(Buffer.from(question))
    }
  }, 1)
  process.stdin.on('end', async () => {
    clearInterval(timer)
    await sleep(1000)
    socket.close()
    process.stdout.write(JSON.stringify(asked))
  })
  process.stdin.resume()
})
