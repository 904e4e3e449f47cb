import fc from 'fast-check'
import { parse } from 'tldts'
import { describe, expect, it } from 'vitest'
import { neverBlockCore } from '../../module/blocklist/never-block.ts'
import { popularNames } from '../../module/blocklist/update/popular-names.ts'
import { isWide } from '../../module/blocklist/wide-names.ts'

describe('a name under which strangers have theirs', () => {
  it.each([
    ...['com', 'net', 'be', 'COM', 'xn--p1ai', 'localhost', 'co.uk', 'org.uk', 'com.br', 'gouv.fr', 'ac.be'],
    ...['github.io', 'pages.dev', 'GitHub.io', 'cloudapp.azure.com', 'amazonaws.com'],
  ])('%s', (name) => {
    expect(isWide(name)).toBe(true)
  })

  it('is no site of the never-block core, nor any popular one', () => {
    // No list may block it as a whole, and no exception may cover all who store something there.
    expect(isWide('storage.googleapis.com')).toBe(true)
    const sites = popularNames.filter((name) => name !== 'storage.googleapis.com')
    for (const name of [...neverBlockCore, ...sites, 'www.github.io', 'shop.co.uk', 'example.com'])
      expect(isWide(name), name).toBe(false)
  })

  it('is a public suffix wherever the registry’s rule or a top-level domain says so', () => {
    const label = fc.stringMatching(/^[a-z]{2}$/)
    fc.assert(
      fc.property(
        fc.constantFrom('com', 'org', 'gov', 'edu', 'net', 'co', 'ac'),
        label,
        (second, country) => {
          const { publicSuffix, isIcann } = parse(`${second}.${country}`)
          if (isIcann && publicSuffix === `${second}.${country}`) expect(isWide(publicSuffix)).toBe(true)
        },
      ),
    )
  })
})
