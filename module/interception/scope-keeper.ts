import { networkInterfaces } from 'node:os'
import { messageOf } from '../base/error.ts'
import { hostPrefix } from '../platform/service-addresses.ts'
import type { RunCommand } from '../platform/spawn.ts'

export interface ScopeKeeperOptions {
  run: RunCommand
  /** The IPv6 service address; null where there is none. */
  address: string | null
  /** Program to run; looked up in PATH. */
  ip?: string
  /** As os.networkInterfaces(): devices that are down are not in it. */
  devices?: () => ReturnType<typeof networkInterfaces>
}

/**
 * Keeps the IPv6 service address on every intercepted device besides `lo`. A translated packet takes the device of its
 * destination's local route for its own; with the address on `lo` alone a client that asks from its link-local
 * address (every one whose resolver is announced as fe80::1) comes out as `fe80::10%lo`, to whom nothing can be
 * answered: no reply over UDP, no SYN-ACK (seen on Linux 6.18). With a route on the device itself the kernel prefers it.
 */
export interface ScopeKeeper {
  /** @returns the devices where it could not be done, each with the reason */
  keep(devices: readonly string[], signal?: AbortSignal): Promise<Map<string, string>>
  /** Takes the address off every device that `keep` was ever asked for, and off those named. */
  release(devices: readonly string[]): Promise<void>
}

export function createScopeKeeper(options: ScopeKeeperOptions): ScopeKeeper {
  const { run, address, ip = 'ip', devices: listed = networkInterfaces } = options
  const done = new Set<string>()
  /** Also those where a process before this one had put it. */
  const asked = new Set<string>()
  const limits = (signal: AbortSignal | undefined) => ({ timeoutMs: 2000, ...(signal && { signal }) })

  async function put(
    prefix: string,
    device: string,
    signal: AbortSignal | undefined,
  ): Promise<string | null> {
    const argv = [ip, '-6', 'address', 'replace', prefix, 'dev', device] as const
    // Deprecated from the start: the modem's own traffic must not leave from it (RFC 6724 §5, rule 3).
    const ran = await run([...argv, 'nodad', 'preferred_lft', '0'], limits(signal))
    if (ran.code === 0) return null
    // busybox's ip knows neither word.
    const plain = await run([ip, '-6', 'address', 'add', prefix, 'dev', device], limits(signal))
    return plain.code === 0 || /File exists/.test(plain.stderr) ? null : plain.stderr.trim()
  }

  /** A device that is down is not listed: what was done on it is remembered. */
  function isThere(device: string, now: ReturnType<typeof networkInterfaces>): boolean {
    return now[device]?.some((entry) => entry.address === address) ?? done.has(device)
  }

  async function putOn(
    device: string,
    prefix: string,
    signal: AbortSignal | undefined,
  ): Promise<string | null> {
    try {
      return await put(prefix, device, signal)
    } catch (error) {
      if (signal?.aborted) throw error
      return messageOf(error)
    }
  }

  return {
    async keep(devices, signal) {
      const failed = new Map<string, string>()
      if (address === null) return failed
      for (const device of done) if (!devices.includes(device)) done.delete(device)
      for (const device of devices) asked.add(device)
      const now = listed()
      for (const device of devices.filter((each) => !isThere(each, now))) {
        const why = await putOn(device, hostPrefix(address), signal)
        if (why === null) done.add(device)
        else failed.set(device, `service address ${address} could not be put on it: ${why}`)
      }
      return failed
    },
    async release(devices) {
      if (address === null) return
      for (const device of new Set([...asked, ...devices]))
        await run([ip, '-6', 'address', 'del', hostPrefix(address), 'dev', device], limits(undefined))
      done.clear()
      asked.clear()
    },
  }
}
