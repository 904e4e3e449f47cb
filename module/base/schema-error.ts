interface SchemaError {
  instancePath: string
  keyword: string
  params: Record<string, unknown>
}

/** What ajv says of each keyword that the schemas use; compiled without its messages, the validators are a fifth smaller. */
const words: Readonly<Record<string, (params: Record<string, unknown>) => string>> = {
  type: ({ type }) => `must be ${type}`,
  required: ({ missingProperty }) => `must have required property '${missingProperty}'`,
  minimum: ({ comparison, limit }) => `must be ${comparison} ${limit}`,
  maximum: ({ comparison, limit }) => `must be ${comparison} ${limit}`,
  minLength: ({ limit }) => `must NOT have fewer than ${limit} characters`,
  maxLength: ({ limit }) => `must NOT have more than ${limit} characters`,
  minItems: ({ limit }) => `must NOT have fewer than ${limit} items`,
  maxItems: ({ limit }) => `must NOT have more than ${limit} items`,
  maxProperties: ({ limit }) => `must NOT have more than ${limit} properties`,
  uniqueItems: ({ i, j }) => `must NOT have duplicate items (items ## ${j} and ${i} are identical)`,
  pattern: ({ pattern }) => `must match pattern "${pattern}"`,
  format: ({ format }) => `must match format "${format}"`,
  const: ({ allowedValue }) => `must be ${JSON.stringify(allowedValue)}`,
}

/** The first violation, with its place, e.g. `dns.limits: unknown option "qps"`. */
export function schemaViolation(errors: readonly SchemaError[] | null | undefined): string {
  const first = errors?.[0]
  if (!first) return 'no reason given'
  const place = first.instancePath.slice(1).replaceAll('/', '.') || 'document'
  if (first.keyword === 'additionalProperties')
    return `${place}: unknown option "${first.params['additionalProperty']}"`
  if (first.keyword === 'enum')
    return `${place}: must be one of ${JSON.stringify(first.params['allowedValues'])}`
  return `${place}: ${words[first.keyword]?.(first.params) ?? `violates ${first.keyword}`}`
}
