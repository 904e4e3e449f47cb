import { existsSync } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'
import { hookLimitMs } from '../helpers/limits.ts'

const executablePath = process.env['SECURENET_CHROMIUM'] ?? '/usr/bin/chromium'

/** Why the browser tests cannot run here, or null. */
export const noBrowser = existsSync(executablePath)
  ? null
  : `${executablePath} is missing: apt-get install chromium, or set SECURENET_CHROMIUM`

/** Every name leads to 127.0.0.1, as a blocked one leads to the modem. */
export function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath,
    timeout: hookLimitMs,
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--host-resolver-rules=MAP * 127.0.0.1',
    ],
  })
}
