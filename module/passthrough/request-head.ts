import { parseTarget } from '../blockpage/target.ts'
import { nobody, type Reading } from './reading.ts'

const METHOD = /^[A-Z]{1,20}$/
const LINE = /^([A-Z]{1,20}) (\S+) HTTP\/(1\.[01])$/
const FIELD = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*$/

/** Whom the first request of an HTTP/1 connection is for, by its target and Host (RFC 9112 §3.2). */
export function nameOfRequest(bytes: Buffer): Reading {
  const text = bytes.toString('latin1')
  const space = text.indexOf(' ')
  // A method that cannot be one: nobody waits for more of it.
  if (!METHOD.test(space < 0 ? text.slice(0, 21) : text.slice(0, space))) return nobody
  const end = text.indexOf('\r\n\r\n')
  if (end < 0) return 'more'
  const [first = '', ...fields] = text.slice(0, end).split('\r\n')
  const [, , url, httpVersion] = LINE.exec(first) ?? []
  if (url === undefined || httpVersion === undefined) return nobody
  const rawHeaders: string[] = []
  for (const field of fields) {
    const [, name, value] = FIELD.exec(field) ?? []
    if (name === undefined || value === undefined) return nobody
    rawHeaders.push(name, value)
  }
  const host = parseTarget({ httpVersion, url, rawHeaders })?.host
  return host?.kind === 'name' ? { name: host.name } : nobody
}
