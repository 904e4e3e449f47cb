import { createHash } from 'node:crypto'

/** SHA-256 (base64url) of a flat document's members, whatever their order. */
export function contentDigest(document: object): string {
  const members = Object.entries(document).sort(([a], [b]) => (a < b ? -1 : 1))
  return createHash('sha256').update(JSON.stringify(members)).digest('base64url')
}
