import { codeOf, messageOf, SecureNetError } from '../../module/base/error.ts'

/** What a script that calls the operator tool can rely on (docs/operating.md). */
export const exitCodes = { ok: 0, failed: 1, usage: 2, unreachable: 3, timedOut: 4 } as const
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

/** An error of this tool that says which exit code it ends with. */
export class OperatorError extends SecureNetError {
  readonly exit: ExitCode

  constructor(exit: ExitCode, code: string, message: string, remedy = '', options?: ErrorOptions) {
    super(code, message, remedy, options)
    this.exit = exit
  }
}

export const refused = (code: string, message: string, remedy = '') =>
  new OperatorError(exitCodes.failed, code, message, remedy)
export const usage = (message: string, remedy = '') =>
  new OperatorError(exitCodes.usage, 'OPERATOR_USAGE', message, remedy)
export const unreachable = (message: string, remedy = '', cause?: unknown) =>
  new OperatorError(exitCodes.unreachable, 'OPERATOR_BROKER_UNREACHABLE', message, remedy, { cause })
export const timedOut = (message: string, remedy = '') =>
  new OperatorError(exitCodes.timedOut, 'OPERATOR_TIMED_OUT', message, remedy)

/** The tool's own files: what the system says of a full disk has no path. */
export function fileNotWritten(path: string, cause: unknown): OperatorError {
  return new OperatorError(
    exitCodes.failed,
    'OPERATOR_FILE',
    `${path} cannot be written: ${messageOf(cause)}`,
    'Make room there, or give yourself the right to write; then run the command again.',
    { cause },
  )
}

/** Anything thrown, as a person or a script is told it. */
export function failure(error: unknown): { exit: ExitCode; code: string; message: string; remedy: string } {
  const exit = error instanceof OperatorError ? error.exit : exitCodes.failed
  const remedy = error instanceof SecureNetError ? error.remedy : ''
  return { exit, code: codeOf(error), message: messageOf(error), remedy }
}
