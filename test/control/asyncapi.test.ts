import { existsSync, readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { payloads, type TopicName, topics } from '../../module/control/mqtt/topics.ts'
import { formFaults, sayingFaults } from './asyncapi-3.ts'

const path = resolve(import.meta.dirname, '../../docs/asyncapi.yaml')
const contract = parse(readFileSync(path, 'utf8'))
const follow = (pointer: string) =>
  pointer
    .slice(2)
    .split('/')
    .reduce((node: any, key) => node?.[key], contract)

/** Arguments of a topic function, as the contract writes its parameters. */
const placeholders: Record<TopicName, string[]> = {
  desired: ['lineId'],
  reported: ['lineId'],
  event: ['lineId'],
  presence: ['modemId'],
  telemetry: ['modemId'],
  request: ['modemId'],
  response: ['modemId'],
  head: ['list'],
  snapshot: ['list', 'version', 'index'],
  delta: ['list', 'version', 'from', 'index'],
  fleet: [],
  keys: ['number'],
}

describe('docs/asyncapi.yaml', () => {
  it('is AsyncAPI 3.0.0, in form and in what its parts say of each other', () => {
    expect(formFaults(contract)).toEqual([])
    expect(sayingFaults(contract)).toEqual([])
  })

  /** What AsyncAPI 2 allowed, or a slip of the pen. */
  const slips: [string, (broken: any) => void, RegExp][] = [
    ['no title', ({ info }) => delete info.title, /info must have required property 'title'/],
    ['a server by url', ({ servers }) => (servers.broker = { url: 'mqtts://b', protocol: 'mqtt' }), /'host'/],
    ['a parameter with a schema', ({ components }) => (components.parameters.lineId.schema = {}), /schema/],
    ['publish instead of an action', ({ operations }) => (operations.sendEvent.action = 'publish'), /action/],
    [
      'a channel without address parameters',
      ({ channels }) => delete channels.event.parameters,
      /event: parameters/,
    ],
    ['an unknown member', ({ channels }) => (channels.fleet.retained = true), /retained/],
    [
      'a bare schema',
      ({ components }) => (components.messages.fleet.payload = { type: 'object' }),
      /schemaFormat/,
    ],
    [
      'another format',
      ({ components }) => (components.messages.fleet.payload.schemaFormat = 'x'),
      /schemaFormat/,
    ],
    [
      'an expression of its own',
      ({ components }) => (components.messages.request.correlationId.location = 'payload.id'),
      /location must match/,
    ],
    [
      'a reply from another channel',
      ({ operations }) =>
        (operations.receiveRequest.reply.messages[0].$ref = '#/components/messages/response'),
      /receiveRequest: message/,
    ],
    ['a channel that is not there', ({ channels }) => delete channels.keys, /receiveKeys: channel/],
  ]
  it.each(slips)('would not pass with %s', (_what, slip, fault) => {
    const broken = structuredClone(contract)
    slip(broken)
    expect([...formFaults(broken), ...sayingFaults(broken)].join('\n')).toMatch(fault)
  })

  it('has every topic of the module, and no other', () => {
    expect(contract.asyncapi).toBe('3.0.0')
    expect(Object.keys(contract.channels).sort()).toEqual(Object.keys(topics).sort())
  })

  it.each(Object.keys(topics) as TopicName[])('%s: the same address, parameters and payload', (name) => {
    const channel = contract.channels[name]
    const make = topics[name] as (...args: string[]) => string
    expect(make(...placeholders[name].map((parameter) => `{${parameter}}`))).toBe(channel.address)
    expect(Object.keys(channel.parameters ?? {})).toEqual(placeholders[name])
    expect(channel.description.startsWith('Retained')).toBe(payloads[name].retained)
    const messages = Object.values<{ $ref: string }>(channel.messages).map(({ $ref }) => follow($ref))
    expect(messages).toHaveLength(1)
    const reference = messages[0].payload?.schema.$ref
    const { schema, form } = payloads[name]
    expect(messages[0].contentType).toBe(
      { jws: 'application/jose', json: undefined, bytes: 'application/octet-stream' }[form],
    )
    if (schema === undefined) return expect(reference).toBeUndefined()
    const file = resolve(dirname(path), reference)
    expect(file).toBe(resolve(import.meta.dirname, '../../module/control/schemas', schema))
    expect(existsSync(file)).toBe(true)
  })

  it.each(Object.keys(topics) as TopicName[])('%s: an operation in the right direction', (name) => {
    const actions = Object.values<any>(contract.operations)
      .filter((operation) => operation.channel.$ref === `#/channels/${name}`)
      .map((operation) => operation.action)
    expect(actions).toContain(payloads[name].from === 'modem' ? 'send' : 'receive')
  })

  it('has no reference that leads nowhere', () => {
    const references: string[] = []
    const walk = (node: unknown): void => {
      if (typeof node !== 'object' || node === null) return
      if ('$ref' in node && typeof node.$ref === 'string') references.push(node.$ref)
      for (const inner of Object.values(node)) walk(inner)
    }
    walk(contract)
    expect(references.length).toBeGreaterThan(30)
    for (const reference of references)
      expect(
        reference.startsWith('#') ? follow(reference) : existsSync(resolve(dirname(path), reference)),
        reference,
      ).toBeTruthy()
  })
})
