import type { Config } from '../config/config.ts'
import { modemStatus, type StatusSources } from './status.ts'

/** What the household calls its things is nobody's business: how many names there are is enough. */
function withoutNames({ zones, hosts, asked, rebindProtection }: Config['dns']['household']) {
  return { zones: zones.length, hosts: hosts.length, asked: asked.length, rebindProtection }
}

/** A broker's address may carry a name and a password. Keys are named by their files; what is in them stays there. */
function withoutSecrets(config: Config): Config {
  if (!config.mqtt) return config
  const url = new URL(config.mqtt.url)
  url.username = ''
  url.password = ''
  return { ...config, mqtt: { ...config.mqtt, url: url.href } }
}

export interface SupportExtras {
  listHead: unknown
  rules: string | null
  /** The newest lines of the log. */
  log: readonly string[]
}

/** No browsing history: what is logged at `debug` names sites, everything else here names none. */
export function supportBundle(sources: StatusSources, { listHead, rules, log }: SupportExtras) {
  const config = withoutSecrets(sources.config)
  return {
    status: modemStatus(sources),
    config: { ...config, dns: { ...config.dns, household: withoutNames(config.dns.household) } },
    listHead,
    rules,
    counters: sources.counts.counters.peek(),
    log: log.filter((line) => !line.startsWith('debug ')),
  }
}
