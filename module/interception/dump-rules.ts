import { messageOf } from '../base/error.ts'
import type { RunCommand } from '../platform/spawn.ts'
import type { Interceptor } from './interceptor.ts'
import { SECURENET_TABLE } from './ruleset.ts'

const MAX_CHARACTERS = 60_000

const commands = {
  nftables: ['nft', '-n', 'list', 'table', ...SECURENET_TABLE.split(' ')],
  iptables: ['iptables-save', '-t', 'nat'],
} as const

/** Of the router's own rules (port forwards, addresses of devices) a support bundle shows nothing. */
const ours = (line: string) => line.includes('securenet')

/** The rules as the kernel holds them now, for a support bundle; or why they cannot be read. Never rejects. */
export async function dumpRules(run: RunCommand, backend: Interceptor['name']): Promise<string | null> {
  if (backend === 'none') return null
  try {
    const { stdout, stderr } = await run([...commands[backend]])
    const lines = (stdout || stderr).split('\n')
    const text = backend === 'iptables' ? lines.filter(ours).join('\n') : lines.join('\n')
    return text.slice(0, MAX_CHARACTERS)
  } catch (error) {
    return messageOf(error)
  }
}
