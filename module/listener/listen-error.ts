import { codeOf, messageOf, SecureNetError } from '../base/error.ts'

/** What a person can do about a socket that could not be bound. */
export function listenError(error: unknown, what: string, address: string, port: number): SecureNetError {
  const place = `${what} ${address} port ${port}`
  const code = codeOf(error)
  if (code === 'EADDRINUSE')
    return new SecureNetError(
      'LISTEN_IN_USE',
      `${place} is in use`,
      'Stop the other program or configure another port.',
    )
  const remedy =
    code === 'EADDRNOTAVAIL'
      ? 'The address is not on this machine: the service addresses are put on lo by the init script.'
      : code === 'EACCES'
        ? 'Ports below 1024 need a privilege that this process should not have: use a high port.'
        : 'See the system error.'
  return new SecureNetError('LISTEN_FAILED', `cannot listen on ${place}: ${messageOf(error)}`, remedy, {
    cause: error,
  })
}
