import { messageOf, SecureNetError } from '../base/error.ts'
import type { Interceptor } from './interceptor.ts'
import { createNone } from './none.ts'

export type Backend = 'auto' | 'nftables' | 'iptables' | 'none'

export interface ChosenInterceptor {
  /** Prepared already. */
  interceptor: Interceptor
  /** What kept each back-end that was tried from being used, in the order tried. */
  missing: readonly SecureNetError[]
}

function asSecureNetError(error: unknown): SecureNetError {
  if (error instanceof SecureNetError) return error
  return new SecureNetError('INTERCEPT_FAILED', messageOf(error), '', { cause: error })
}

/**
 * Prepares the back-end that the configuration names, or with `auto` the first that this machine can do. Where none
 * can, the module serves without intercepting and says why for every interface: the LAN is left alone.
 * @param candidates in order of preference
 * @throws SecureNetError INTERCEPT_* when a back-end named outright cannot be had
 */
export async function chooseInterceptor(
  backend: Backend,
  candidates: readonly Interceptor[],
): Promise<ChosenInterceptor> {
  if (backend === 'none') return { interceptor: createNone('interception.backend is none'), missing: [] }
  if (backend !== 'auto') {
    const named = candidates.find((candidate) => candidate.name === backend)
    if (!named)
      throw new SecureNetError('INTERCEPT_NO_BACKEND', `back-end ${backend} is not part of this build`)
    await named.prepare()
    return { interceptor: named, missing: [] }
  }
  const missing: SecureNetError[] = []
  for (const candidate of candidates) {
    try {
      await candidate.prepare()
      return { interceptor: candidate, missing }
    } catch (error) {
      missing.push(asSecureNetError(error))
    }
  }
  return { interceptor: createNone(missing.map((error) => error.message).join('; ')), missing }
}
