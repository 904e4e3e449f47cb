import { isIP } from 'node:net'
import { type NameFault, normaliseName } from './name.ts'

/** `tree`: the name and everything below it. */
export type Scope = 'tree' | 'exact'

export type DropReason =
  | NameFault
  | 'unknown-modifier'
  | 'pattern'
  | 'cosmetic'
  | 'not-a-block'
  | 'local-name'
  | 'unsupported-trigger'
  | 'out-of-zone'
  | 'not-understood'

/** What a parser says about a line. Names are normalised; `''` is the root, which a guard refuses later. */
export interface Sink {
  /** @param firm only a firm exception takes it back */
  block(name: string, scope: Scope, firm?: boolean): void
  /** Takes names back that the same input blocks. */
  except(name: string, scope: Scope, firm?: boolean): void
  drop(reason: DropReason): void
}

/** Called with each line in order; a comment or an empty line calls nothing. */
export type LineParser = (line: string, sink: Sink) => void

/** Where a list sends names that it blocks: nowhere, or to the host itself (RFC 1122 §3.2.1.3). */
export function isSink(address: string): boolean {
  return (
    /^(0\.0\.0\.0|127\.\d+\.\d+\.\d+|::|::1|0)$/.test(address) && (address === '0' || isIP(address) !== 0)
  )
}

/** A name with an optional `*.` before it: the subdomains, and in these lists always the name too. */
export function takeName(text: string, scope: Scope, take: (name: string, scope: Scope) => void, sink: Sink) {
  if (text === '*' || text === '.' || text === '*.') return take('', 'tree')
  const wild = text.startsWith('*.')
  const found = normaliseName(wild ? text.slice(2) : text)
  if (found.ok) take(found.name, wild ? 'tree' : scope)
  else sink.drop(text.includes('*') && found.fault === 'bad-name' ? 'pattern' : found.fault)
}
