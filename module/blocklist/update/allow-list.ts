import { createHash } from 'node:crypto'
import { categories } from '../../category.ts'
import { nameFromText } from '../../dns/name.ts'
import { isWide } from '../wide-names.ts'
import { RefusedHead } from './plan.ts'

/** What is reported of the head's exceptions: a list that blocks nothing for them must not look as any other. */
export interface AllowSummary {
  readonly names: number
  /** SHA-256 (base64url) of the names, sorted and joined by newlines. */
  readonly digest: string
}

export function allowSummary(allow: readonly string[]): AllowSummary {
  const text = [...allow].sort().join('\n')
  return { names: allow.length, digest: createHash('sha256').update(text).digest('base64url') }
}

function covers(name: string, testZone: string): boolean {
  const lower = name.toLowerCase()
  return categories.some((category) => `.${category}.${testZone}`.endsWith(`.${lower}`))
}

function whyNot(name: string, testZone: string | undefined): string | null {
  if (nameFromText(name) === null) return 'is no name'
  if (isWide(name)) return 'is a name under which strangers have theirs'
  if (testZone !== undefined && covers(name, testZone)) return 'covers a test name'
  return null
}

/** @throws RefusedHead LIST_ALLOW_TOO_WIDE: with a stolen key, an exception for `com` would switch the list off unseen */
export function checkAllow(allow: readonly string[], testZone: string | undefined): void {
  for (const name of allow) {
    const why = whyNot(name, testZone)
    if (why === null) continue
    throw new RefusedHead(
      'LIST_ALLOW_TOO_WIDE',
      `the exception ${name} of the head ${why}`,
      'Except the sites themselves (`list allow --remove`), and publish a head without it.',
    )
  }
}
