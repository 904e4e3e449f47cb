import { expect, it } from 'vitest'
import { calmLog } from '../../module/base/calm-log.ts'
import { createLog } from '../../module/base/log.ts'
import { FakeClock } from '../helpers/fake-clock.ts'

it('one line a second for each kind, and the next one says how many were left out', () => {
  const lines: string[] = []
  const clock = new FakeClock()
  const log = calmLog(
    createLog((line) => lines.push(line.trim())),
    clock,
  )
  for (let i = 0; i < 5000; i++) {
    log.warn('document-refused', { kind: 'desired', code: `CODE_${i}` })
    log.warn('document-refused', { kind: 'head', code: 'X' })
    if (i === 4000) clock.advance(1000)
  }
  clock.advance(999)
  log.warn('document-refused', { kind: 'desired', code: 'LATE' })
  clock.advance(1)
  log.warn('document-refused', { kind: 'desired', code: 'NEXT' })
  log.info('document-refused', { kind: 'desired' })
  expect(lines).toEqual([
    'warn document-refused kind=desired code=CODE_0',
    'warn document-refused kind=head code=X',
    'warn document-refused kind=desired code=CODE_4001 unsaid=4000',
    'warn document-refused kind=head code=X unsaid=4000',
    'warn document-refused kind=desired code=NEXT unsaid=999',
    'info document-refused kind=desired',
  ])
})
