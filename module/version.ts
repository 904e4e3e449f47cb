declare const SECURENET_VERSION: string | undefined
declare const SECURENET_RELEASED: number | undefined

/** Set by build.mjs; `dev` when run from source. */
export const version: string = typeof SECURENET_VERSION === 'string' ? SECURENET_VERSION : 'dev'

/** Seconds since 1970: no clock is before this. */
export const released: number =
  typeof SECURENET_RELEASED === 'number' ? SECURENET_RELEASED : Date.UTC(2026, 10, 22) / 1000
