import { isIP } from 'node:net'
import { domainToASCII } from 'node:url'
import { SecureNetError } from '../base/error.ts'
import { nameFromText, nameToText } from '../dns/name.ts'

/** Of what was pasted, the part where a host stands: `https://user@host:port/path` (RFC 3986 §3.2), with or without a scheme. */
function authorityIn(text: string): string {
  const withoutScheme = text.replace(/^([a-z][a-z0-9+.-]*:)?[/\\]{2}/i, '')
  const [authority = ''] = withoutScheme.split(/[/?#\\]/, 1)
  return authority.slice(authority.lastIndexOf('@') + 1).replace(/:\d+$/, '')
}

function refuse(text: string, why: string): never {
  throw new SecureNetError(
    'NAME_INVALID',
    `${JSON.stringify(text.slice(0, 300))} ${why}`,
    'Give the host of a site, such as www.example.com, or the address of a page on it.',
  )
}

/**
 * The host name that a person means: as typed, or in the address of a page; in any case, in Unicode (UTS 46) or in A-labels.
 * @returns its wire form, lower-cased, in A-labels
 * @throws SecureNetError NAME_INVALID: it has no host, or one that is an IP address
 */
export function hostNameIn(text: string): Buffer {
  // Reports and mails write names so that nobody follows them.
  const host = authorityIn(text.trim().replaceAll('[.]', '.'))
  if (isIP(host.replace(/^\[|\]$/g, '')) !== 0) refuse(text, 'is an IP address: no name is asked for it')
  const ascii = domainToASCII(host)
  if (isIP(ascii) !== 0) refuse(text, `is the IP address ${ascii}: no name is asked for it`)
  const name = /^[a-z0-9_.-]+$/.test(ascii) ? nameFromText(ascii) : null
  if (name === null || name.length === 1) refuse(text, 'is not a host name')
  return name
}

/** As `hostNameIn`, in text. */
export const hostNameText = (text: string): string => nameToText(hostNameIn(text))
