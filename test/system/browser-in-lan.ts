/** Real Chromium in the place `lan`, whose resolver is written into it by hand: 8.8.8.8. */
import { execFileSync } from 'node:child_process'
import { createHash, X509Certificate } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type BrowserContext, chromium } from 'playwright-core'
import { addresses, type Household } from './household-in-namespaces.ts'
import { bundle } from './interception-list.ts'

export const executable = process.env['SECURENET_CHROMIUM'] ?? '/usr/bin/chromium'
/** The shops lie beyond the modem's own network, as sites do: the passage leads nowhere else. */
export const sites = { news: '203.0.113.80', shop: '192.0.2.81', secure: '192.0.2.82' } as const

/**
 * Names of the tests. Under `.example` Chromium neither upgrades to HTTPS nor warns: no public suffix, hence "not
 * unique"; so these are names as the public has them, in a network that has no way out.
 */
export const names = {
  news: 'news.example.net',
  /** Listed, and the true site answers over HTTP alone. */
  listed: 'phish.example.com',
  /** Listed, and the true site answers over HTTPS alone; all of `.dev` is on the browsers' HSTS preload list. */
  hsts: 'phish-example.dev',
} as const

export const upstreamAnswers = [
  `--address=/example.net/${sites.news}`,
  `--address=/example.com/${sites.shop}`,
  `--address=/${names.hsts}/${sites.secure}`,
]

/** HTTPS-First: as built, or one of its settings. */
export const modes = {
  'as built': {},
  off: { https_only_mode_enabled: false, https_first_balanced_mode_enabled: false },
  balanced: { https_only_mode_enabled: false, https_first_balanced_mode_enabled: true },
  strict: { https_only_mode_enabled: true, https_first_balanced_mode_enabled: false },
} as const
export type Mode = keyof typeof modes

export interface View {
  ownResolver?: boolean
  bypassCSP?: boolean
}

export class LanBrowser {
  readonly #home: Household
  #pin = ''
  #wrapper = ''
  #resolver = ''

  constructor(home: Household) {
    this.#home = home
  }

  /** Opens the sites in `wan`, writes 8.8.8.8 into the LAN's device. */
  async prepare(): Promise<void> {
    const home = this.#home
    for (const address of Object.values(sites))
      home.exec('wan', ['ip', 'address', 'add', `${address}/24`, 'dev', 'eth0'])
    const [cert, key] = [join(home.dir, 'site.crt'), join(home.dir, 'site.key')]
    const all = Object.values(names).map((name) => `DNS:${name}`)
    const subject = ['-subj', `/CN=${names.news}`, '-addext', `subjectAltName=${all.join(',')}`]
    const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', key]
    execFileSync('openssl', ['req', '-x509', ...newKey, '-out', cert, '-days', '30', ...subject], {
      stdio: 'pipe',
    })
    const { publicKey } = new X509Certificate(readFileSync(cert))
    this.#pin = createHash('sha256')
      .update(publicKey.export({ type: 'spki', format: 'der' }))
      .digest('base64')
    const server = await bundle(home, 'browser-sites')
    const started = home.start('wan', [process.execPath, server, ...Object.values(sites), cert, key])
    await started.line((line) => line === 'sites are open')
    this.#resolver = `/etc/netns/${home.ns('lan')}`
    mkdirSync(this.#resolver, { recursive: true })
    writeFileSync(join(this.#resolver, 'resolv.conf'), `nameserver ${addresses.public4}\n`)
    this.#wrapper = home.write('chromium.sh', this.#script())
    chmodSync(this.#wrapper, 0o755)
  }

  /** Playwright switches off the very features that are tried here, HttpsUpgrades among them: its list is dropped. */
  #script(): string {
    return `#!/bin/bash
kept=()
for argument in "$@"; do
  case "$argument" in --enable-features=AsyncDns) kept+=("$argument") ;; --disable-features=*|--enable-features=*) ;; *) kept+=("$argument") ;; esac
done
exec ip netns exec ${this.#home.ns('lan')} ${executable} "\${kept[@]}"
`
  }

  /**
   * @param profile a folder's name; the same one again is a warm profile
   * @param ownResolver Chromium's own, as on Android and macOS, in place of the system's
   */
  async open(
    mode: Mode,
    profile: string,
    { ownResolver = false, ...view }: View = {},
  ): Promise<BrowserContext> {
    const folder = join(this.#home.dir, profile)
    const preferences = join(folder, 'Default', 'Preferences')
    if (!existsSync(preferences)) {
      mkdirSync(join(folder, 'Default'), { recursive: true })
      writeFileSync(preferences, JSON.stringify(modes[mode]))
    }
    return chromium.launchPersistentContext(folder, {
      executablePath: this.#wrapper,
      env: { ...process.env, HOME: folder },
      locale: 'en-GB',
      viewport: { width: 900, height: 700 },
      args: [
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        ...(ownResolver ? ['--enable-features=AsyncDns'] : []),
        `--ignore-certificate-errors-spki-list=${this.#pin}`,
      ],
      ...view,
    })
  }

  close(): void {
    if (this.#resolver) rmSync(this.#resolver, { recursive: true, force: true })
  }
}
