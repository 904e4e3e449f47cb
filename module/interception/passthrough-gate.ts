import { SecureNetError } from '../base/error.ts'
import type { RunCommand } from '../platform/spawn.ts'
import type { Interceptor } from './interceptor.ts'
import { SECURENET_TABLE } from './ruleset.ts'
import type { ServiceEndpoints } from './service.ts'

/** Whether port 443 of the service addresses leads to the passage: otherwise the kernel refuses it. */
export interface PassthroughGate {
  /** The kernel closes it by itself after so many ms. @throws SecureNetError INTERCEPT_PASSAGE */
  open(ms: number): Promise<void>
  /** Cuts what goes through, too: its packets are translated no more. @throws SecureNetError INTERCEPT_PASSAGE */
  close(): Promise<void>
}

/** Sets of rootfs/usr/lib/securenet/firewall-iptables.sh. */
const ipsets = { page4: 'securenet443_4 0.0.0.0/0', page6: 'securenet443_6 ::/0' } as const

const nftClose = `flush set ${SECURENET_TABLE} passage\n`

function nftOpen(interfaces: readonly string[], ms: number): string {
  const elements = interfaces.map((name) => `"${name}" timeout ${ms}ms`).join(', ')
  return `${nftClose}add element ${SECURENET_TABLE} passage { ${elements} }\n`
}

function ipsetClose(service: ServiceEndpoints): string {
  return (['page4', 'page6'] as const)
    .filter((page) => service[page])
    .map((page) => `flush ${ipsets[page].split(' ')[0]}\n`)
    .join('')
}

function ipsetOpen(service: ServiceEndpoints, interfaces: readonly string[], ms: number): string {
  const entries = (['page4', 'page6'] as const)
    .filter((page) => service[page])
    .flatMap((page) =>
      interfaces.map((name) => `add ${ipsets[page]},${name} timeout ${Math.ceil(ms / 1000)}\n`),
    )
  return `${ipsetClose(service)}${entries.join('')}`
}

export interface PassthroughGateOptions {
  backend: Interceptor['name']
  run: RunCommand
  service: ServiceEndpoints
  /** LAN and guest devices. */
  interfaces: readonly string[]
}

export function createPassthroughGate({
  backend,
  run,
  service,
  interfaces,
}: PassthroughGateOptions): PassthroughGate {
  if (backend === 'none') return { open: async () => {}, close: async () => {} }
  const apply = async (argv: readonly [string, ...string[]], stdin: string): Promise<void> => {
    const { code, stderr } = await run(argv, { stdin })
    if (code === 0) return
    const [line = ''] = stderr.trim().split('\n', 1)
    throw new SecureNetError(
      'INTERCEPT_PASSAGE',
      `${argv[0]}: ${line}`,
      'https addresses open when browsers forget the page’s address, within 70 s',
    )
  }
  if (backend === 'nftables')
    return {
      open: (ms) => apply(['nft', '-f', '-'], nftOpen(interfaces, ms)),
      close: () => apply(['nft', '-f', '-'], nftClose),
    }
  return {
    open: (ms) => apply(['ipset', 'restore', '-exist'], ipsetOpen(service, interfaces, ms)),
    close: () => apply(['ipset', 'restore'], ipsetClose(service)),
  }
}
