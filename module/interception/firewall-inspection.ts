import { CONNTRACK_ZONE } from './ruleset.ts'

/**
 * What a firewall does with a translated question on its way into the modem. An accept in our own table cannot open a
 * zone whose input is REJECT (a refusal in any base chain of the hook wins), so this is read before an interface is
 * armed. Works on `nft -j -t list ruleset`; what it cannot decide it calls open, until questions seem to get lost.
 */
export interface InboundQuestion {
  interface: string
  l4proto: 'udp' | 'tcp'
  nfproto: 'ipv4' | 'ipv6'
  dport: number
}

export interface FirewallRefusal {
  /** e.g. `inet fw4` */
  table: string
  chain: string
}

type Json = Record<string, unknown>
type RuleVerdict = 'accept' | 'refuse' | 'return' | 'next'
type Truth = true | false | 'unknown'

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

interface Chain {
  family: string
  table: string
  name: string
  hook: string | undefined
  type: string | undefined
  policy: string | undefined
  rules: unknown[][]
}

const text = (value: unknown) => (typeof value === 'string' ? value : undefined)
const keyOf = (family: unknown, table: unknown, name: unknown) => `${family} ${table} ${name}`

function chainsOf(listed: string): Map<string, Chain> {
  const document: unknown = JSON.parse(listed)
  const entries = isObject(document) && Array.isArray(document['nftables']) ? document['nftables'] : []
  const chains = new Map<string, Chain>()
  for (const entry of entries) {
    if (!isObject(entry)) continue
    const { chain, rule } = entry
    if (isObject(chain))
      chains.set(keyOf(chain['family'], chain['table'], chain['name']), {
        family: String(chain['family']),
        table: String(chain['table']),
        name: String(chain['name']),
        hook: text(chain['hook']),
        type: text(chain['type']),
        policy: text(chain['policy']),
        rules: [],
      })
    else if (isObject(rule) && Array.isArray(rule['expr']))
      chains.get(keyOf(rule['family'], rule['table'], rule['chain']))?.rules.push(rule['expr'])
  }
  return chains
}

type FieldValue = string | number | undefined

/** The packet's own value of a payload field. A field of the other protocol implies that protocol, and fails. */
function payloadOf(payload: Json, packet: InboundQuestion): FieldValue {
  const { protocol, field } = payload
  const other = packet.l4proto === 'udp' ? 'tcp' : 'udp'
  if (protocol === other) return 'other'
  const ports = protocol === 'th' || protocol === packet.l4proto
  return ports && field === 'dport' ? packet.dport : undefined
}

/** The packet's own value of the left side of a match; undefined where this model does not know it. */
function fieldOf(left: unknown, packet: InboundQuestion): FieldValue {
  if (!isObject(left)) return undefined
  const { meta, ct, payload, '&': masked } = left
  // `tcp flags & (syn|ack) == syn`: what is masked tells the protocol, no more.
  if (Array.isArray(masked)) return fieldOf(masked[0], packet) === 'other' ? 'other' : undefined
  if (isObject(payload)) return payloadOf(payload, packet)
  const known = new Map<unknown, FieldValue>([
    ['meta iifname', packet.interface],
    ['meta iif', packet.interface],
    ['meta l4proto', packet.l4proto],
    ['meta nfproto', packet.nfproto],
    ['ct state', 'new'],
    ['ct status', 'dnat'],
    ['ct zone original', CONNTRACK_ZONE],
    ['ct proto-dst original', 53],
  ])
  if (isObject(meta)) return known.get(`meta ${meta['key']}`)
  if (isObject(ct)) return known.get(ct['dir'] ? `ct ${ct['key']} ${ct['dir']}` : `ct ${ct['key']}`)
  return undefined
}

/** nft writes numbers where its libc finds no /etc/protocols, as in a jail. */
const protocols = new Map<unknown, string>([
  [6, 'tcp'],
  [17, 'udp'],
])

function equals(value: string | number, right: unknown): Truth {
  if (Array.isArray(right)) return anyTrue(right.map((item) => equals(value, item)))
  if (isObject(right)) {
    if (Array.isArray(right['set'])) return equals(value, right['set'])
    const range = right['range']
    if (Array.isArray(range) && typeof value === 'number')
      return Number(range[0]) <= value && value <= Number(range[1])
    return 'unknown'
  }
  if (typeof right !== 'string') return right === value || protocols.get(right) === value
  if (right.startsWith('@')) return 'unknown'
  if (right.endsWith('*')) return String(value).startsWith(right.slice(0, -1))
  return right === String(value)
}

function anyTrue(truths: readonly Truth[]): Truth {
  if (truths.includes(true)) return true
  return truths.includes('unknown') ? 'unknown' : false
}

function holds(match: Json, packet: InboundQuestion): Truth {
  const value = fieldOf(match['left'], packet)
  if (value === undefined) return 'unknown'
  if (value === 'other') return false
  const truth = equals(value, match['right'])
  if (match['op'] === '==' || match['op'] === 'in') return truth
  if (match['op'] === '!=') return truth === 'unknown' ? 'unknown' : !truth
  return 'unknown'
}

/** Statements that stop no packet on its way to the verdict, and the verdicts themselves. */
const passing = new Set('counter log mangle accept drop reject return jump goto vmap'.split(' '))

class RulesetWalk {
  readonly #chains: Map<string, Chain>
  readonly #packet: InboundQuestion
  /** A rule that might have accepted was passed by: a refusal after it is not certain. */
  doubtful = false
  /** A rule that might have refused was passed by. */
  mayRefuse = false

  constructor(chains: Map<string, Chain>, packet: InboundQuestion) {
    this.#chains = chains
    this.#packet = packet
  }

  chain(chain: Chain, depth = 0): RuleVerdict {
    if (depth > 16) return 'next'
    for (const rule of chain.rules) {
      const verdict = this.#rule(rule, chain, depth)
      if (verdict === 'return') return 'next'
      if (verdict !== 'next') return verdict
    }
    return 'next'
  }

  #rule(rule: readonly unknown[], chain: Chain, depth: number): RuleVerdict {
    let certain = true
    for (const statement of rule) {
      if (!isObject(statement)) continue
      const truth = this.#passes(statement)
      if (truth === false) return 'next'
      if (truth === 'unknown') certain = false
      const verdict = this.#verdict(statement, chain, depth)
      if (verdict && certain) return verdict
      if (verdict === 'accept' || verdict === 'return') this.doubtful = true
      if (verdict === 'refuse') this.mayRefuse = true
    }
    return 'next'
  }

  /** Whether the packet gets past this statement to the next one of its rule. */
  #passes(statement: Json): Truth {
    if (isObject(statement['match'])) return holds(statement['match'], this.#packet)
    const kind = Object.keys(statement)[0] ?? ''
    return passing.has(kind) ? true : 'unknown'
  }

  #lookUp(vmap: Json): Json {
    const value = fieldOf(vmap['key'], this.#packet)
    const data = isObject(vmap['data']) ? vmap['data']['set'] : undefined
    if (value === undefined || !Array.isArray(data)) {
      this.doubtful = true
      return {}
    }
    for (const pair of data)
      if (Array.isArray(pair) && equals(value, pair[0]) === true && isObject(pair[1])) return pair[1]
    return {}
  }

  #verdict(statement: Json, chain: Chain, depth: number): RuleVerdict | undefined {
    if (isObject(statement['vmap'])) return this.#verdict(this.#lookUp(statement['vmap']), chain, depth)
    if ('accept' in statement) return 'accept'
    if ('drop' in statement || 'reject' in statement) return 'refuse'
    if ('return' in statement) return 'return'
    const to = statement['jump'] ?? statement['goto']
    if (!isObject(to)) return undefined
    const target = this.#chains.get(keyOf(chain.family, chain.table, to['target']))
    const verdict = target ? this.chain(target, depth + 1) : 'next'
    return verdict === 'next' && statement['goto'] ? 'return' : verdict
  }
}

/**
 * @param listed what `nft -j -t list ruleset` printed
 * @param except table to leave out, e.g. `inet securenet`
 * @param doubt what a chain that cannot be decided is taken for
 * @returns the base chain that refuses the packet; null where none does
 */
export function inspectFirewall(
  listed: string,
  packet: InboundQuestion,
  except: string,
  doubt: 'open' | 'refused' = 'open',
): FirewallRefusal | null {
  const chains = chainsOf(listed)
  const families = new Set(['inet', packet.nfproto === 'ipv4' ? 'ip' : 'ip6'])
  for (const chain of chains.values()) {
    const table = `${chain.family} ${chain.table}`
    if (chain.hook !== 'input' || chain.type !== 'filter' || table === except) continue
    if (!families.has(chain.family)) continue
    const walk = new RulesetWalk(chains, packet)
    const verdict = walk.chain(chain)
    const refused = verdict === 'refuse' || (verdict === 'next' && chain.policy === 'drop')
    const isCertain = refused && !walk.doubtful
    if (isCertain || (doubt === 'refused' && (refused || walk.mayRefuse))) return { table, chain: chain.name }
  }
  return null
}
