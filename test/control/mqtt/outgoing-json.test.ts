import fc from 'fast-check'
import { expect, it } from 'vitest'
import { outgoingJson } from '../../../module/control/mqtt/outgoing-json.ts'

const terminal = '\u001b]0;owned\u0007\u001b[2J\u009b31m\u007f\r\n\u2028\u202egnp.exe\u2066'

it('holds no control character, wherever a stranger has put one', () => {
  const told = JSON.parse(
    outgoingJson({ why: terminal, interfaces: { refused: [{ name: 'br\u0000', why: terminal }] } }),
  )
  expect(told.why).toBe('\ufffd]0;owned\ufffd\ufffd[2J\ufffd31m\ufffd\ufffd\ufffd\ufffd\ufffdgnp.exe\ufffd')
  expect(told.interfaces.refused).toEqual([{ name: 'br\ufffd', why: told.why }])
})

it('keeps the lines of a text', () => {
  expect(JSON.parse(outgoingJson({ rules: 'table {\n\tchain\r\u001b[0m}' }, { text: true }))).toEqual({
    rules: 'table {\n\tchain\ufffd\ufffd[0m}',
  })
})

it('changes nothing else', () => {
  const text = fc.string({ unit: 'grapheme' }).map((some) => some.replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, ''))
  const value = fc.letrec((tie) => ({
    any: fc.oneof({ depthSize: 'small' }, text, fc.integer(), fc.boolean(), fc.constant(null), tie('list')),
    list: fc.oneof(fc.array(tie('any')), fc.dictionary(text, tie('any'))),
  })).any
  fc.assert(
    fc.property(value, text, (some, words) => {
      const document = { some, words }
      expect(outgoingJson(document)).toBe(JSON.stringify(document))
    }),
  )
})
