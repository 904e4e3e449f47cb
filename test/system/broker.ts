/** The operator's broker in the place `backend`: real mosquitto, TLS with client certificates, ACL by common name. */
import { execFileSync } from 'node:child_process'
import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import { addresses, type Household, type Started } from './household-in-namespaces.ts'

export interface Identity {
  certFile: string
  keyFile: string
}

export interface Broker {
  started: Started
  /** For the module's configuration. */
  url: string
  caFile: string
  /** A client certificate of the broker's CA; its common name is the MQTT user name. */
  identity(commonName: string): Identity
}

/**
 * @param acl mosquitto's acl_file, e.g. `user modem-1\ntopic readwrite securenet/modem-1/#\n`
 * @param more further lines of mosquitto.conf
 */
export async function startBroker(
  home: Household,
  acl: string,
  more: readonly string[] = [],
): Promise<Broker> {
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: home.dir, stdio: 'pipe' })
  const key = (name: string) => [
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-keyout',
    `${name}.key`,
  ]
  const subject = (name: string) => ['-subj', `/CN=${name}`]
  openssl('req', '-x509', ...key('ca'), '-out', 'ca.crt', '-days', '3650', ...subject('operator test CA'))

  function identity(name: string, extension = 'extendedKeyUsage=clientAuth'): Identity {
    openssl('req', ...key(name), '-out', `${name}.csr`, ...subject(name))
    const extensions = home.write(`${name}.ext`, `${extension}\n`)
    const issuer = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial']
    openssl(
      'x509',
      '-req',
      '-in',
      `${name}.csr`,
      ...issuer,
      '-out',
      `${name}.crt`,
      '-days',
      '3650',
      '-extfile',
      extensions,
    )
    const files = { certFile: join(home.dir, `${name}.crt`), keyFile: join(home.dir, `${name}.key`) }
    // Test keys; mosquitto and the module each drop to users of their own.
    for (const file of Object.values(files)) chmodSync(file, 0o644)
    return files
  }

  const server = identity('broker', `subjectAltName=IP:${addresses.backend4},DNS:broker.example`)
  const caFile = join(home.dir, 'ca.crt')
  const config = home.write(
    'mosquitto.conf',
    [
      `listener 8883 ${addresses.backend4}`,
      `cafile ${caFile}`,
      `certfile ${server.certFile}`,
      `keyfile ${server.keyFile}`,
      'require_certificate true',
      'use_identity_as_username true',
      'allow_anonymous false',
      `acl_file ${home.write('acl', acl)}`,
      'persistence false',
      'log_dest stderr',
      ...more,
      '',
    ].join('\n'),
  )
  const started = home.start('backend', ['mosquitto', '-c', config])
  await started.line((line) => /mosquitto version .* running/.test(line))
  return { started, url: `mqtts://${addresses.backend4}:8883`, caFile, identity }
}
