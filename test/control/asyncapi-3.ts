import Ajv from 'ajv'

type Schema = Record<string, unknown>
const text = { type: 'string' }
const ref = (name: string) => ({ $ref: `#/definitions/${name}` })
const orReference = (name: string) => ({
  if: { type: 'object', required: ['$ref'] },
  // biome-ignore lint/suspicious/noThenProperty: JSON Schema's own word
  then: ref('reference'),
  else: ref(name),
})
const mapOf = (schema: Schema) => ({
  type: 'object',
  propertyNames: { pattern: '^[\\w.-]+$' },
  additionalProperties: schema,
})
/** Fixed fields; beside them only extensions (§ Specification Extensions). */
const object = (properties: Schema, required: readonly string[] = []) => ({
  type: 'object',
  required,
  properties,
  patternProperties: { '^x-[\\w.-]+$': true },
  additionalProperties: false,
})
const words = {
  title: text,
  summary: text,
  description: text,
  tags: { type: 'array' },
  externalDocs: true,
  bindings: true,
}

/**
 * AsyncAPI 3.0.0, fixed fields of the objects that the contract uses, after the specification's text. Left out: traits,
 * bindings' content, security schemes with more than a type and a description, server variables.
 */
const definitions: Schema = {
  reference: { type: 'object', required: ['$ref'], properties: { $ref: text }, additionalProperties: false },
  // § Info Object
  info: object(
    {
      title: text,
      version: text,
      description: text,
      termsOfService: text,
      contact: true,
      license: true,
      tags: true,
      externalDocs: true,
    },
    ['title', 'version'],
  ),
  // § Server Object
  server: object(
    {
      ...words,
      host: { type: 'string', pattern: '^[^/]+$' },
      protocol: text,
      protocolVersion: text,
      pathname: text,
      security: { type: 'array', items: orReference('securityScheme') },
    },
    ['host', 'protocol'],
  ),
  // § Channel Object
  channel: object({
    ...words,
    address: { type: ['string', 'null'] },
    messages: mapOf(orReference('message')),
    servers: { type: 'array', items: ref('reference') },
    parameters: mapOf(orReference('parameter')),
  }),
  // § Operation Object: its channel, and the messages of it, can only be named
  operation: object(
    {
      ...words,
      action: { enum: ['send', 'receive'] },
      channel: ref('reference'),
      messages: { type: 'array', items: ref('reference') },
      security: { type: 'array', items: orReference('securityScheme') },
      reply: orReference('reply'),
    },
    ['action', 'channel'],
  ),
  // § Operation Reply Object
  reply: object({
    channel: ref('reference'),
    messages: { type: 'array', items: ref('reference') },
    address: object({ description: text, location: ref('expression') }, ['location']),
  }),
  // § Runtime Expression
  expression: { type: 'string', pattern: '^\\$message\\.(header|payload)#(/(?:[^/~]|~[01])*)*$' },
  // § Parameter Object: since 3.0 without a schema
  parameter: object({
    description: text,
    default: text,
    enum: { type: 'array', items: text },
    examples: { type: 'array', items: text },
    location: ref('expression'),
  }),
  // § Message Object
  message: object({
    ...words,
    name: text,
    contentType: { type: 'string', pattern: '^[a-z]+/[a-z0-9.+-]+$' },
    headers: true,
    payload: ref('multiFormatSchema'),
    correlationId: orReference('correlationId'),
    examples: { type: 'array', items: object({ headers: true, payload: true, name: text, summary: text }) },
  }),
  // § Multi Format Schema Object
  multiFormatSchema: object(
    { schemaFormat: { const: 'application/schema+json;version=draft-07' }, schema: ref('reference') },
    ['schemaFormat', 'schema'],
  ),
  correlationId: object({ description: text, location: ref('expression') }, ['location']),
  // § Security Scheme Object
  securityScheme: object({ type: { enum: ['X509', 'userPassword', 'plain', 'gssapi'] }, description: text }, [
    'type',
  ]),
  components: object({
    securitySchemes: mapOf(orReference('securityScheme')),
    parameters: mapOf(orReference('parameter')),
    messages: mapOf(orReference('message')),
  }),
}

/** @returns what is wrong with a document's form, nothing if it is right */
export function formFaults(document: unknown): string[] {
  const validate = new Ajv({ allErrors: true, allowUnionTypes: true }).compile({
    definitions,
    ...object(
      {
        asyncapi: { const: '3.0.0' },
        id: text,
        info: ref('info'),
        defaultContentType: text,
        servers: mapOf(orReference('server')),
        channels: mapOf(orReference('channel')),
        operations: mapOf(orReference('operation')),
        components: ref('components'),
      },
      ['asyncapi', 'info'],
    ),
  })
  validate(document)
  return (validate.errors ?? []).map(({ instancePath, message, params }) =>
    `${instancePath} ${message} ${JSON.stringify(params)}`.trim(),
  )
}

interface Contract {
  channels: Record<string, { address: string; parameters?: object; messages: object }>
  operations: Record<string, Operation>
}
interface Operation {
  channel: { $ref: string }
  messages?: { $ref: string }[]
  reply?: { channel: { $ref: string }; messages?: { $ref: string }[] }
}

/** What the form cannot say: parameters are those of the address, and messages are named within their own channel. */
export function sayingFaults({ channels, operations }: Contract): string[] {
  const faults: string[] = []
  for (const [name, { address, parameters = {} }] of Object.entries(channels)) {
    const inAddress = [...address.matchAll(/\{([^}]+)\}/g)].map((match) => match[1])
    if (String(inAddress) !== String(Object.keys(parameters)))
      faults.push(`${name}: parameters of ${address}`)
  }
  for (const [name, { channel, messages, reply }] of Object.entries(operations)) {
    for (const part of [{ channel, messages }, ...(reply ? [reply] : [])]) {
      if (!Object.hasOwn(channels, part.channel.$ref.replace('#/channels/', '')))
        faults.push(`${name}: channel ${part.channel.$ref}`)
      for (const { $ref } of part.messages ?? [])
        if (!$ref.startsWith(`${part.channel.$ref}/messages/`)) faults.push(`${name}: message ${$ref}`)
    }
  }
  return faults
}
