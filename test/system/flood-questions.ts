/** Questions of tests against floods, as they are on the wire. */
import { randomBytes } from 'node:crypto'

/** `slow`: below a zone that never answers. */
export type Kind = 'hit' | 'miss' | 'slow' | 'blocked' | 'malformed'

const names: Record<Exclude<Kind, 'malformed'>, () => string> = {
  hit: () => 'true.example',
  miss: () => `${randomBytes(6).toString('hex')}.true.example`,
  slow: () => `${randomBytes(6).toString('hex')}.slow.example`,
  blocked: () => 'listed.example',
}

export function questionFor(name: string, id: number): Buffer {
  const labels = name.split('.').map((label) => `${String.fromCharCode(label.length)}${label}`)
  const head = Buffer.from([id >> 8, id & 255, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0])
  return Buffer.concat([head, Buffer.from(`${labels.join('')}\0\0\x01\0\x01`, 'latin1')])
}

export function question(kind: Kind, id = Math.floor(Math.random() * 65_536)): Buffer {
  if (kind !== 'malformed') return questionFor(names[kind](), id)
  const cut = questionFor('malformed.example', id)
  return cut.subarray(0, 12 + Math.floor(Math.random() * (cut.length - 12)))
}

export function framed(message: Buffer): Buffer {
  const length = Buffer.alloc(2)
  length.writeUInt16BE(message.length)
  return Buffer.concat([length, message])
}
