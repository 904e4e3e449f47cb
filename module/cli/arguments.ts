import { parseArgs } from 'node:util'
import { messageOf, SecureNetError } from '../base/error.ts'

export const verbs = [
  'run',
  'check-config',
  'status',
  'check',
  'selftest',
  'support',
  'active-interface',
  'version',
  'help',
] as const
export type Verb = (typeof verbs)[number]

export interface Arguments {
  verb: Verb
  /** What follows the verb: a name for `check`, an interface for `active-interface`. */
  operands: readonly string[]
  json: boolean
  config: string
  runDir: string
}

export const USAGE_TEXT = `usage: securenet VERB [options]

  run --config FILE       serve until told to stop (procd starts this)
  check-config            whether it could start with --config FILE; else the wrong option
  status                  what is, measured: protection, list, interfaces, self-test
  check NAME              why a name is blocked or not: special name, list, version, category, matching suffix, link of
                          the chain. NAME may be the address of a page, and in Unicode
  selftest                ask through every socket now
  support                 a bundle for support: configuration without secrets, rules, list head, log, counters
  active-interface [NAME] the logical interface that carries the traffic (hotplug tells; none: no uplink)
  version

  --json                  machine-readable
  --run-dir DIR           where the running module's control socket is (default /var/run/securenet)
  --config FILE           default /var/etc/securenet.json

exit codes: 0 yes, done; 1 no, failed; 2 usage; 3 the module does not run
            check, as grep: 0 blocked; 1 not blocked; 2 not a host name, or it could not be found out; 3
`

/** @throws SecureNetError USAGE */
export function parseArguments(argv: readonly string[]): Arguments {
  try {
    const { values, positionals } = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        json: { type: 'boolean', default: false },
        config: { type: 'string', default: '/var/etc/securenet.json' },
        'run-dir': { type: 'string', default: '/var/run/securenet' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
    const [verb = 'help', ...operands] = positionals
    const known = values.help ? 'help' : verbs.find((v) => v === verb)
    if (!known) throw new Error(`unknown verb "${verb}"`)
    if (known === 'check' && operands.length !== 1) throw new Error('check takes one name')
    return { verb: known, operands, json: values.json, config: values.config, runDir: values['run-dir'] }
  } catch (error) {
    throw new SecureNetError('USAGE', messageOf(error), 'securenet help')
  }
}
