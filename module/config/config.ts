export interface Endpoint {
  readonly address: string
  readonly port: number
}

export interface LineConfig {
  readonly id: string
  readonly access: 'fixed' | 'mobile'
  readonly interface: string
}

/** Another filter's: see schema.json. */
export interface WarningPageConfig {
  readonly address: string
  readonly category: 'malware' | 'phishing' | 'botnet' | 'cryptojacking' | 'scam' | 'blocked'
}

export interface Branding {
  readonly service: string
  readonly operator: string
  readonly colour: string
  readonly logo?: string
  readonly helpUrl: string
  readonly reportUrl: string
  readonly phone: string
}

/** What schema.json describes, with defaults filled in; frozen. Units are in the property names or the schema. */
export interface Config {
  readonly modemId: string
  readonly dataDir: string
  readonly runDir: string
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error'
  readonly lines: readonly LineConfig[]
  readonly dns: {
    readonly listen: readonly Endpoint[]
    readonly blockTtl: number
    readonly threads: number
    readonly cacheBytes: number
    readonly rebindProtection: boolean
    readonly rebindExempt: readonly string[]
    readonly localZones: readonly string[]
    readonly structuredErrors: boolean
    readonly resolverBypass: boolean
    readonly testZone: string
    readonly neverBlock: readonly string[]
    readonly limits: {
      readonly queriesPerSecond?: number
      readonly burst: number
      readonly tcpConnections: number
      readonly tcpConnectionsPerClient: number
      readonly tcpIdleSeconds: number
    }
  }
  readonly upstream: {
    readonly mode: 'stock' | 'wan'
    readonly servers: readonly Endpoint[]
    readonly timeoutMs: number
    readonly inFlight: number
    readonly byInterface: readonly { readonly interface: string; readonly servers: readonly Endpoint[] }[]
    readonly warningPages: readonly WarningPageConfig[]
  }
  readonly page: {
    readonly listen: readonly Endpoint[]
    readonly ipv4: string
    readonly ipv6?: string
    readonly branding: Branding
  }
  readonly interception: {
    readonly backend: 'auto' | 'nftables' | 'iptables' | 'none'
    readonly interfaces: readonly string[]
    readonly leaseMs: number
    readonly renewMs: number
  }
  readonly mqtt?: {
    readonly url: string
    readonly caFile?: string
    readonly certFile?: string
    readonly keyFile?: string
    readonly keepaliveSeconds: number
  }
  readonly list: {
    readonly name: string
    readonly quotaBytes: number
    readonly probationSeconds: number
    readonly chunkTimeoutMs: number
  }
  readonly trust: { readonly rootsFile: string }
  readonly telemetrySeconds: number
}
