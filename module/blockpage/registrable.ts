import { getDomain } from 'tldts'

/**
 * The part of a name that someone has registered, by the Public Suffix List, private suffixes among them: under
 * github.io each name is another owner's.
 * @param name lower case A-labels
 * @returns how many labels it has; all of the name's where nothing is known
 */
export function registrableLabels(name: string): number {
  const domain = getDomain(name, { allowPrivateDomains: true, validateHostname: false })
  return (domain ?? name).split('.').length
}
