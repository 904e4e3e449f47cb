import { parseTarget } from '../blockpage/target.ts'
import { type HostPeek, noHost } from './reading.ts'

const METHOD = /^[A-Z]{1,20}$/
const LINE = /^([A-Z]{1,20}) (\S+) HTTP\/(1\.[01])$/
const FIELD = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*$/

/** Whom the first request of an HTTP/1 connection is for, by its target and Host (RFC 9112 §3.2). */
export function nameOfRequest(bytes: Buffer): HostPeek {
  const text = bytes.toString('latin1')
  const space = text.indexOf(' ')
  // A method that cannot be one: nobody waits for more of it.
  if (!METHOD.test(space < 0 ? text.slice(0, 21) : text.slice(0, space))) return noHost
  const end = text.indexOf('\r\n\r\n')
  if (end < 0) return 'more'
  const [first = '', ...fields] = text.slice(0, end).split('\r\n')
  const [, , url, httpVersion] = LINE.exec(first) ?? []
  if (url === undefined || httpVersion === undefined) return noHost
  const rawHeaders: string[] = []
  for (const field of fields) {
    const [, name, value] = FIELD.exec(field) ?? []
    if (name === undefined || value === undefined) return noHost
    rawHeaders.push(name, value)
  }
  const host = parseTarget({ httpVersion, url, rawHeaders })?.host
  return host?.kind === 'name' ? { name: host.name } : noHost
}
