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
export interface LineParser {
  (line: string, sink: Sink): void
  /** Number of the line, from 1, from which on everything would be one record: such an input is not whole. */
  openSince?: () => number | undefined
}

/** A name with an optional `*.` before it: the subdomains, and in these lists always the name too. */
export function takeName(text: string, scope: Scope, take: (name: string, scope: Scope) => void, sink: Sink) {
  if (text === '*' || text === '.' || text === '*.') return take('', 'tree')
  const wild = text.startsWith('*.')
  const found = normaliseName(wild ? text.slice(2) : text)
  if (found.ok) take(found.name, wild ? 'tree' : scope)
  else sink.drop(text.includes('*') && found.fault === 'bad-name' ? 'pattern' : found.fault)
}
