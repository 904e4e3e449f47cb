const strict = {
  'Cache-Control': 'no-store',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
} as const

/** Of what has no document: refusals of the server itself. */
export const bareHeaders: Readonly<Record<string, string>> = {
  ...strict,
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
}

/**
 * No Cross-Origin-Opener-Policy: browsers ignore it over HTTP and complain on the console (HTML §7.1.3).
 * No Strict-Transport-Security: it would shut the reader out of a site that is not ours.
 * @param digest of the style, `sha256-...`
 */
export function pageHeaders(digest: string): Readonly<Record<string, string>> {
  return {
    ...strict,
    'Content-Security-Policy': `default-src 'none'; style-src '${digest}'; img-src data:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'`,
    'Permissions-Policy': 'camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()',
    'X-Robots-Tag': 'noindex',
  }
}
