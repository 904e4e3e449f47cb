/** A JSON Schema compiled at build time (scripts/compile-schema.mjs): no code generation on the modem. */
declare module '*.json?compiled' {
  interface SchemaError {
    instancePath: string
    keyword: string
    message?: string
    params: Record<string, unknown>
  }
  export const validate: {
    (data: unknown): boolean
    errors?: SchemaError[] | null
  }
}
