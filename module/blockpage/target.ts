import { isIP } from 'node:net'

export type RequestHost =
  /** Lower case, A-labels, no dot at the end. */
  | { readonly kind: 'name'; readonly name: string }
  /** Somebody opened the address itself. */
  | { readonly kind: 'address' }
  /** No Host at all: HTTP/1.0. */
  | { readonly kind: 'none' }

export interface RequestTarget {
  readonly host: RequestHost
  /** Without the query; `*` for OPTIONS. */
  readonly path: string
  /** With its question mark, or empty. */
  readonly query: string
}

/** What is read of a request, as strangers sent it. */
export interface RawRequest {
  readonly httpVersion: string
  readonly url: string
  /** Name, value, name, value: node's `rawHeaders`, the only place where a second Host is still seen. */
  readonly rawHeaders: readonly string[]
}

const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/

/**
 * @param text uri-host [ ":" port ] (RFC 9110 §7.2)
 * @returns null for anything that is neither a DNS name of at most 253 characters nor an IP literal
 */
export function parseHost(text: string): RequestHost | null {
  if (text.length > 262) return null
  const [, bracketed, plain, port] =
    /^(?:\[([0-9a-f:.]+)\]|([^[\]:@/?#\\]*))(?::(\d{0,5}))?$/i.exec(text) ?? []
  if (port !== undefined && Number(port) > 65535) return null
  if (bracketed !== undefined) return isIP(bracketed) === 6 ? { kind: 'address' } : null
  if (plain === undefined) return null
  if (plain === '') return { kind: 'none' }
  if (isIP(plain) === 4) return { kind: 'address' }
  const name = plain.toLowerCase().replace(/\.$/, '')
  const labels = name.split('.')
  if (name.length > 253 || !labels.every((label) => LABEL.test(label))) return null
  // No top-level domain is a number: 127.1, 0x7f.1 and the like are addresses that a browser rewrites (WHATWG URL §3.5).
  if (/^(\d+|0x[0-9a-f]*)$/.test(labels.at(-1) ?? '')) return null
  return { kind: 'name', name }
}

function hostLines(rawHeaders: readonly string[]): string[] {
  const lines: string[] = []
  for (let i = 0; i + 1 < rawHeaders.length; i += 2)
    if (rawHeaders[i]?.toLowerCase() === 'host') lines.push(rawHeaders[i + 1] ?? '')
  return lines
}

/**
 * Which host is meant, by RFC 9112 §3.2 and §3.3.
 * @returns null where a 400 is due: no Host in HTTP/1.1, more than one, one that is not a host, a target of no known form
 */
export function parseTarget({ httpVersion, url, rawHeaders }: RawRequest): RequestTarget | null {
  const hosts = hostLines(rawHeaders)
  if (hosts.length > 1 || (hosts.length === 0 && httpVersion === '1.1')) return null
  // absolute-form wins over Host, whatever that says (RFC 9112 §3.2.2).
  const [, authority, rest] = /^https?:\/\/([^/?#]*)(.*)$/is.exec(url) ?? []
  const origin = authority === undefined ? url : rest?.startsWith('/') ? rest : `/${rest}`
  if (origin !== '*' && !origin.startsWith('/')) return null
  // Userinfo in an http URI is to be treated as an error (RFC 9110 §4.2.4): parseHost refuses the "@".
  const host = authority === undefined ? parseHost(hosts[0] ?? '') : parseHost(authority)
  if (!host || (authority !== undefined && host.kind === 'none')) return null
  const mark = origin.indexOf('?')
  return mark < 0
    ? { host, path: origin, query: '' }
    : { host, path: origin.slice(0, mark), query: origin.slice(mark) }
}

/** Names that only this network knows: opened on purpose, never a site of somebody else. */
export function isLocalName(name: string): boolean {
  return !name.includes('.') || /\.(lan|local|localhost|internal|home\.arpa|test)$/.test(name)
}
