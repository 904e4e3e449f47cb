import { beforeEach, describe, expect, it } from 'vitest'
import { SecureNetError } from '../../module/base/error.ts'
import { createLog } from '../../module/base/log.ts'
import type { Request, RequestAction } from '../../module/control/documents/kinds.ts'
import type { Message, MessageHandler } from '../../module/control/mqtt/session.ts'
import { RefusedRequest, type RequestHandlers, Requests } from '../../module/control/requests.ts'
import { validate } from '../../module/control/schemas/response.json?compiled'
import { FakeClock } from '../helpers/fake-clock.ts'

const turn = () => new Promise(setImmediate)

describe('requests', () => {
  let clock: FakeClock
  let handler: MessageHandler
  let answers: { topic: string; response: any; correlationData?: Buffer | undefined }[]
  let executed: string[]
  let refused: string[]
  let slow: (() => void)[]

  const request = (action: RequestAction, id = 'r1'): Request => ({
    v: 1,
    id,
    modemId: 'm1',
    action,
    nonce: 'n',
    issuedAt: 0,
    expires: 0,
  })
  const message = (action: string, more: Partial<Message> = {}): Message => ({
    topic: 'securenet/v1/modem/m1/request',
    payload: Buffer.from(action),
    retained: false,
    ...more,
  })

  beforeEach(() => {
    clock = new FakeClock()
    answers = []
    executed = []
    refused = []
    slow = []
    const run =
      (result: unknown) =>
      ({ action }: Request) => {
        executed.push(action)
        return result
      }
    const handlers: RequestHandlers = {
      status: run({ serving: true }),
      'self-test': ({ action }) => {
        executed.push(action)
        return new Promise((resolve) => slow.push(() => resolve({ passed: true })))
      },
      'check-name': () => {
        throw new SecureNetError('NAME_BAD', 'not a name')
      },
      'support-bundle': run('x'.repeat(200_000)),
      sync: run(undefined),
    }
    new Requests({
      modemId: 'm1',
      session: {
        subscribe: (topic, given) => {
          expect(topic).toBe('securenet/v1/modem/m1/request')
          handler = given
        },
        publish: async (topic, payload, options) => {
          const response = JSON.parse(payload.toString())
          expect(validate(response), JSON.stringify(validate.errors)).toBe(true)
          answers.push({ topic, response, correlationData: options?.correlationData })
        },
      },
      clock,
      log: createLog(() => undefined),
      accept: async (payload) => {
        const text = payload.toString()
        if (text === 'unsigned') throw new SecureNetError('DOC_NOT_SIGNED', 'no signature')
        if (text === 'replayed')
          throw new RefusedRequest(new SecureNetError('REQUEST_REPLAYED', 'executed before'), 'r7')
        return request(text as RequestAction)
      },
      handlers,
      onRefused: (code) => refused.push(code),
    }).start()
  })

  it('executes, and answers on its own topic with id and correlation data', async () => {
    await handler(message('status', { correlationData: Buffer.from('c1') }))
    await handler(message('sync', { responseTopic: 'securenet/v1/modem/m1/response' }))
    await turn()
    expect(executed).toEqual(['status', 'sync'])
    expect(answers).toEqual([
      {
        topic: 'securenet/v1/modem/m1/response',
        response: { v: 1, modemId: 'm1', id: 'r1', action: 'status', ok: true, result: { serving: true } },
        correlationData: Buffer.from('c1'),
      },
      {
        topic: 'securenet/v1/modem/m1/response',
        response: { v: 1, modemId: 'm1', id: 'r1', action: 'sync', ok: true, result: null },
        correlationData: undefined,
      },
    ])
  })

  it.each<[string, Message, string, string | undefined]>([
    ['unsigned', message('unsigned'), 'DOC_NOT_SIGNED', undefined],
    ['replayed', message('replayed'), 'REQUEST_REPLAYED', 'r7'],
    ['too large', message('x'.repeat(5000)), 'DOC_TOO_LARGE', undefined],
    [
      'to be answered elsewhere',
      message('status', { responseTopic: 'elsewhere' }),
      'REQUEST_RESPONSE_TOPIC',
      undefined,
    ],
  ])('refuses one that is %s, without executing it', async (_what, given, code, id) => {
    await handler(given)
    await turn()
    expect(executed).toEqual([])
    expect(refused).toEqual([code])
    expect(answers.map(({ topic, response }) => [topic, response.ok, response.id, response.code])).toEqual([
      ['securenet/v1/modem/m1/response', false, id, code],
    ])
  })

  it.each<[RequestAction, string]>([
    ['check-name', 'NAME_BAD'],
    ['support-bundle', 'REQUEST_RESULT_TOO_LARGE'],
  ])('answers with a code where %s fails', async (action, code) => {
    await handler(message(action))
    await turn()
    expect(answers[0]?.response).toMatchObject({ id: 'r1', ok: false, code })
  })

  it('refuses each of a flood with a code: a few one by one, the rest once a second, and none is looked at', async () => {
    for (let i = 0; i < 1000; i++)
      await handler(message('unsigned', { correlationData: Buffer.from(String(i)) }))
    await turn()
    const codes = answers.map(({ response }) => response.code)
    expect(codes).toEqual([...Array(10).fill('DOC_NOT_SIGNED'), ...Array(20).fill('REQUEST_RATE_LIMITED')])
    expect(answers[29]?.correlationData).toEqual(Buffer.from('29'))
    expect(refused.filter((code) => code === 'REQUEST_RATE_LIMITED')).toHaveLength(990)
    clock.advance(1000)
    expect(answers.slice(30).map(({ response, correlationData }) => [response, correlationData])).toEqual([
      [expect.objectContaining({ ok: false, code: 'REQUEST_RATE_LIMITED', refused: 970 }), undefined],
    ])
    clock.advance(60_000)
    expect(answers).toHaveLength(31)
    for (let i = 0; i < 11; i++) await handler(message('status'))
    await turn()
    expect(executed).toHaveLength(10)
    expect(answers.slice(31).map(({ response }) => response.code)).toContain('REQUEST_RATE_LIMITED')
  })

  it('a flood that goes on is answered by fewer than four messages a second', async () => {
    for (let second = 0; second < 60; second++) {
      for (let i = 0; i < 50; i++) await handler(message('unsigned'))
      clock.advance(1000)
    }
    await turn()
    const told = answers.reduce((sum, { response }) => sum + (response.refused ?? 1), 0)
    expect(told).toBe(60 * 50)
    expect(answers.length).toBeLessThanOrEqual(10 + 20 + 60 * 4)
  })

  it('acknowledges before the work is done, works on four at a time, and gives up on what hangs', async () => {
    for (let i = 0; i < 4; i++) await handler(message('self-test'))
    await handler(message('status'))
    await turn()
    expect(answers.map(({ response }) => response.code)).toEqual(['REQUEST_BUSY'])
    slow[0]?.()
    await turn()
    expect(answers.at(-1)?.response.result).toEqual({ passed: true })
    clock.advance(60_000)
    await turn()
    expect(answers.slice(2).map(({ response }) => response.code)).toEqual(Array(3).fill('REQUEST_TIMEOUT'))
    await handler(message('status'))
    await turn()
    expect(executed.at(-1)).toBe('status')
  })
})
