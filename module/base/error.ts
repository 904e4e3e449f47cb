/**
 * The one base error. `code` is stable and documented in docs/errors.md; `message` says what happened and where;
 * `remedy` tells the reader what to do about it.
 */
export class SecureNetError extends Error {
  readonly code: string
  readonly remedy: string

  constructor(code: string, message: string, remedy = '', options?: ErrorOptions) {
    super(message, options)
    this.name = 'SecureNetError'
    this.code = code
    this.remedy = remedy
  }
}

/** The stable code of anything thrown: ours, the system's (`EADDRINUSE`), or `INTERNAL`. */
export function codeOf(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code
  return 'INTERNAL'
}

/** One line that says what went wrong, for a log or a person; of several tries each one's (Node's own line has none). */
export function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) {
    const parts = error.errors.map(messageOf).join('; ')
    return error.message === '' ? parts : `${error.message}: ${parts}`
  }
  return error instanceof Error ? error.message : String(error)
}
