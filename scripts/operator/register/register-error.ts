import { messageOf } from '../../../module/base/error.ts'
import { exitCodes, OperatorError } from '../exit.ts'

/** @param place folder or address; a password in it is not shown */
export function registerError(place: string, cause: unknown): OperatorError {
  const shown = place.replace(/\/\/([^:/@]*):[^@]*@/, '//$1@')
  // Node gives a refused connection to several addresses no message of its own.
  const why = messageOf(cause) || (cause instanceof AggregateError ? messageOf(cause.errors[0]) : 'no answer')
  return new OperatorError(
    exitCodes.failed,
    'OPERATOR_REGISTER',
    `the register ${shown} cannot be used: ${why}`,
    'Check `register` of the profile, rights and room there. Nothing is ordered without a register.',
    { cause },
  )
}
