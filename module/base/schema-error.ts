interface SchemaError {
  instancePath: string
  keyword: string
  message?: string
  params: Record<string, unknown>
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
  return `${place}: ${first.message ?? first.keyword}`
}
