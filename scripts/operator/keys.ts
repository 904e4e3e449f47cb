import { readFileSync } from 'node:fs'
import { codeOf, messageOf } from '../../module/base/error.ts'
import { checkSignatures, readJws } from '../../module/control/documents/jws.ts'
import { type Keys, type Payloads, type RoleKeys, roleOf } from '../../module/control/documents/kinds.ts'
import { parsePayload, type RoleKind } from '../../module/control/documents/verify.ts'
import { topics } from '../../module/control/mqtt/topics.ts'
import type { Broker } from './broker.ts'
import { refused } from './exit.ts'
import type { Sign } from './orders.ts'
import type { Profile } from './profile.ts'
import { KeyFolder } from './signing/key-folder.ts'
import type { KeyAgent, KeysDocument } from './signing/key-sets.ts'
import { SshAgent } from './signing/ssh-agent.ts'

export interface Signer {
  sign: Sign
  /**
   * What our own keys have signed, and nothing else: what is read back from a broker is signed again only after this,
   * or a compromised broker could have us sign its own words.
   */
  verify<K extends RoleKind>(kind: K, jws: Buffer): Promise<Payloads[K]>
  /**
   * Whether the broker's keys are the ones that this signs with: modems would obey nothing else, and with another
   * profile's keys good orders would be overwritten. Left out: a stand-in of a test.
   * @throws OperatorError OPERATOR_KEYS_MISSING, OPERATOR_FOREIGN_KEYS
   */
  check?(broker: Broker): Promise<void>
}

/** SECURENET_KEYS_PASSPHRASE, else the file that the profile names; undefined: keys are not encrypted. */
function passphraseOf(profile: Profile, env: NodeJS.ProcessEnv): string | undefined {
  const given = env['SECURENET_KEYS_PASSPHRASE']
  if (given) return given
  return profile.passphraseFile ? readFileSync(profile.passphraseFile, 'utf8').trimEnd() : undefined
}

/** The profile's agent, else the session's own, whose absence is no error: most keys are in files. */
function agentOf({ agentSocket }: Profile, env: NodeJS.ProcessEnv): KeyAgent | undefined {
  if (agentSocket) return new SshAgent(agentSocket)
  const session = env['SSH_AUTH_SOCK']
  if (!session) return undefined
  return {
    keys: () =>
      new SshAgent(session).keys().catch((error) => {
        if (codeOf(error) === 'SIGN_AGENT_UNREACHABLE') return []
        throw error
      }),
  }
}

/** What a folder of keys is opened with. @throws Error if the passphrase file cannot be read */
export function keyAccess(profile: Profile, env: NodeJS.ProcessEnv = process.env) {
  return { passphrase: passphraseOf(profile, env), agent: agentOf(profile, env) }
}

export async function openFolder(profile: Profile, env?: NodeJS.ProcessEnv): Promise<KeyFolder> {
  const { passphrase, agent } = keyAccess(profile, env)
  return KeyFolder.open(profile.keysDir, passphrase, agent)
}

export async function verifyWith<K extends RoleKind>(
  kind: K,
  keys: RoleKeys,
  jws: Buffer,
): Promise<Payloads[K]> {
  try {
    const form = readJws(kind, jws)
    await checkSignatures(form, keys, () => undefined)
    return parsePayload(kind, form.payload)
  } catch (error) {
    throw refused(
      'OPERATOR_FOREIGN_DOCUMENT',
      `the ${kind} document on the broker is not signed by the keys of this profile: ${messageOf(error)}`,
      'It is not signed again. Find out who put it there; is this the right profile?',
    )
  }
}

export function signerOf(folder: KeyFolder): Signer {
  return {
    sign: folder.sign,
    verify: (kind, jws) => verifyWith(kind, folder.current.roles[roleOf[kind]], jws),
    check: (broker) => mustBeTheBrokers(folder, broker),
  }
}

const foreignKeys = (topic: string, why: string) =>
  refused(
    'OPERATOR_FOREIGN_KEYS',
    `${topic} on the broker ${why}`,
    'Is this the right profile, and its keysDir the newest? If so, somebody has written there: `keys publish --replace`.',
  )

/** The newest document of the folder stands there, and no later one that the same roots have signed. */
async function mustBeTheBrokers({ current, documents }: KeyFolder, broker: Broker): Promise<void> {
  const [topic, nextTopic] = [topics.keys(current.number), topics.keys(current.number + 1)]
  const [there, next] = await Promise.all([broker.read(topic), broker.read(nextTopic)])
  if (!there)
    throw refused(
      'OPERATOR_KEYS_MISSING',
      `${topic} is not on the broker: modems that come would obey nothing that is signed now`,
      '`keys publish` puts it there.',
    )
  if (String(there) !== documents.at(-1)?.jws)
    throw foreignKeys(topic, 'is another document than the newest of this profile')
  if (next && (await isOurs(current, next)))
    throw foreignKeys(nextTopic, 'is newer than the keys of this profile')
}

/** Signed by enough of our roots; garbage that somebody has put there stops nobody. */
async function isOurs({ roots }: Keys, jws: Buffer): Promise<boolean> {
  try {
    await checkSignatures(readJws('keys', jws), roots, () => undefined)
    return true
  } catch {
    return false
  }
}

export async function openKeys(profile: Profile): Promise<Signer> {
  return signerOf(await openFolder(profile))
}

/** Documents of the folder, and what stands on the broker at their topics. */
export async function keysOnBroker(
  broker: Broker,
  documents: readonly KeysDocument[],
): Promise<{ missing: KeysDocument[]; foreign: KeysDocument[] }> {
  const there = await Promise.all(documents.map(({ number }) => broker.read(topics.keys(number))))
  return {
    missing: documents.filter((_, i) => !there[i]),
    foreign: documents.filter(({ jws }, i) => there[i] && String(there[i]) !== jws),
  }
}

/** Every one stays on the broker, for a modem that has slept for a year. */
export async function publishKeys(broker: Broker, documents: readonly KeysDocument[]): Promise<void> {
  for (const { number, jws } of documents) await broker.put(topics.keys(number), jws, true)
}
