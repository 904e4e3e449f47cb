import { execFile } from 'node:child_process'
import { codeOf, messageOf, SecureNetError } from '../base/error.ts'

/** Runs a program and gives what it printed; rejects where it fails or takes too long. */
export type RunUbus = (file: string, args: readonly string[]) => Promise<string>

export interface Ubus {
  /** @throws SecureNetError UBUS_FAILED (no ubus, no such object, access denied, too slow), UBUS_REPLY (no JSON) */
  call(object: string, method: string, message?: Readonly<Record<string, unknown>>): Promise<unknown>
}

const runProgram: RunUbus = (file, args) =>
  new Promise((resolve, reject) => {
    execFile(file, args, { timeout: 5000, maxBuffer: 1 << 20 }, (error, stdout) => {
      if (error) reject(error)
      else resolve(stdout)
    })
  })

/** OpenWrt's bus, through its own command: its wire protocol is no stable interface. */
export function createUbus(options: { run?: RunUbus; path?: string } = {}): Ubus {
  const { run = runProgram, path = 'ubus' } = options
  return {
    async call(object, method, message = {}) {
      let printed: string
      try {
        printed = await run(path, ['-S', 'call', object, method, JSON.stringify(message)])
      } catch (error) {
        throw new SecureNetError(
          'UBUS_FAILED',
          `ubus call ${object} ${method}: ${codeOf(error)}: ${messageOf(error)}`,
          'See that ubusd runs and that /usr/share/acl.d/securenet.json allows this call.',
          { cause: error },
        )
      }
      try {
        return JSON.parse(printed || 'null')
      } catch (error) {
        throw new SecureNetError('UBUS_REPLY', `ubus call ${object} ${method}: reply is not JSON`, '', {
          cause: error,
        })
      }
    },
  }
}
