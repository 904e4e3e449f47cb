import { describe, expect, it } from 'vitest'
import { type Feature, ServerKnowledge } from '../../module/upstream/server-knowledge.ts'

const offTicks = { opt: 100, cookie: 200, case: 300 }
const knowledge = () => new ServerKnowledge(Buffer.alloc(8, 1), offTicks)
const features = ['opt', 'cookie', 'case'] as const

describe.each(features)('%s', (feature: Feature) => {
  it.each<[string, string[], boolean]>([
    ['nothing was said', [], true],
    ['one name', ['a'], true],
    ['one name, many times', ['a', 'a', 'a', 'a'], true],
    ['two names in turn', ['a', 'b', 'a', 'b'], true],
    ['three names', ['a', 'b', 'c'], false],
  ])('%s', (_what, names, isUsed) => {
    const known = knowledge()
    for (const name of names) known.refused(feature, name, 1000)
    expect(known.uses(feature, 1000)).toBe(isUsed)
  })

  it('never after it was understood', () => {
    const known = knowledge()
    known.refused(feature, 'a', 1000)
    known.refused(feature, 'b', 1000)
    known.understood(feature)
    for (const name of ['c', 'd', 'e', 'f']) known.refused(feature, name, 1000)
    expect([known.uses(feature, 1000), known.isUnderstood(feature)]).toEqual([true, true])
  })

  it('is tried again when its time is over, and needs three names again', () => {
    const known = knowledge()
    for (const name of ['a', 'b', 'c']) known.refused(feature, name, 1000)
    const later = 1000 + offTicks[feature]
    expect([known.uses(feature, later - 1), known.uses(feature, later)]).toEqual([false, true])
    for (const name of ['a', 'b']) known.refused(feature, name, later)
    expect(known.uses(feature, later)).toBe(true)
  })

  it('a server that came back is another one', () => {
    const known = knowledge()
    known.understood(feature)
    known.serverCookie = Buffer.alloc(8)
    known.forget()
    expect([known.isUnderstood(feature), known.serverCookie]).toEqual([false, null])
    for (const name of ['a', 'b', 'c']) known.refused(feature, name, 1000)
    expect(known.uses(feature, 1000)).toBe(false)
  })

  it('says nothing of the others', () => {
    const known = knowledge()
    for (const name of ['a', 'b', 'c']) known.refused(feature, name, 1000)
    expect(features.filter((other) => !known.uses(other, 1000))).toEqual([feature])
  })
})
