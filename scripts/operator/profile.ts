import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { messageOf } from '../../module/base/error.ts'
import { refused, usage } from './exit.ts'
import { isPostgres } from './register/open-store.ts'

/** How one broker is reached and where its operator's files lie; paths are absolute once loaded. */
export interface Profile {
  /** mqtt://host:port or mqtts://host:port */
  url: string
  caFile?: string
  certFile?: string
  keyFile?: string
  /** Signing keys (scripts/operator/signing). */
  keysDir: string
  /** Built lists, newest and older ones: what deltas are made from. */
  archiveDir: string
  /** Holds the passphrase of encrypted keys. */
  passphraseFile?: string
  /** Unix socket of an SSH agent that holds signing keys; SSH_AUTH_SOCK where left out. */
  agentSocket?: string
  /** The register: a folder, or a postgresql:// address; `register` beside the profile where left out. */
  register: string
  /** The list that commands mean; the modules' default where left out. */
  list?: string
}

const paths = [
  'caFile',
  'certFile',
  'keyFile',
  'keysDir',
  'archiveDir',
  'passphraseFile',
  'agentSocket',
] as const
const known = new Set<string>(['url', 'list', 'register', ...paths])
const required = ['url', 'keysDir', 'archiveDir'] as const

/** The running household's folder: SECURENET_HOME, else `.household/` of the project. */
export function householdHome(env: NodeJS.ProcessEnv = process.env): string {
  return resolve(env['SECURENET_HOME'] || join(import.meta.dirname, '..', '..', '.household'))
}

/** @throws OperatorError OPERATOR_PROFILE_INVALID naming the file and the option */
export function parseProfile(text: string, file: string): Profile {
  const invalid = (why: string) =>
    refused(
      'OPERATOR_PROFILE_INVALID',
      `${file}: ${why}`,
      'docs/operating.md lists the options of a profile.',
    )
  let data: unknown
  try {
    data = JSON.parse(text)
  } catch (error) {
    throw invalid(`not JSON: ${messageOf(error)}`)
  }
  if (typeof data !== 'object' || data === null || Array.isArray(data)) throw invalid('not an object')
  const options = new Map<string, unknown>(Object.entries(data))
  for (const [name, value] of options) {
    if (!known.has(name)) throw invalid(`unknown option "${name}"`)
    if (typeof value !== 'string' || value === '') throw invalid(`${name} must be a text`)
  }
  for (const name of required) if (!options.has(name)) throw invalid(`${name} is missing`)
  const profile = Object.fromEntries(options) as unknown as Profile
  if (!URL.canParse(profile.url) || !/^mqtts?:$/.test(new URL(profile.url).protocol))
    throw invalid('url must be mqtt://host:port or mqtts://host:port')
  if ((profile.certFile === undefined) !== (profile.keyFile === undefined))
    throw invalid('certFile and keyFile go together')
  for (const name of paths) {
    const path = profile[name]
    if (path !== undefined) profile[name] = resolve(dirname(file), path)
  }
  const { register = 'register' } = profile as Partial<Profile>
  profile.register = isPostgres(register) ? register : resolve(dirname(file), register)
  return profile
}

/** @param file of --profile or SECURENET_PROFILE; where left out, the running household's */
function profilePath(file: string | undefined, env: NodeJS.ProcessEnv) {
  const chosen = file ?? env['SECURENET_PROFILE']
  return { chosen, path: resolve(chosen ?? join(householdHome(env), 'operator.json')) }
}

/** Whether one is named, or a household runs here. */
export function isProfileThere(file: string | undefined, env: NodeJS.ProcessEnv): boolean {
  const { chosen, path } = profilePath(file, env)
  return chosen !== undefined || existsSync(path)
}

/**
 * @param file of --profile or SECURENET_PROFILE; where left out, the running household's
 * @throws OperatorError OPERATOR_USAGE where there is none, OPERATOR_PROFILE_INVALID
 */
export function loadProfile(file: string | undefined, env: NodeJS.ProcessEnv = process.env): Profile {
  const { chosen, path } = profilePath(file, env)
  if (!existsSync(path))
    throw usage(
      chosen ? `there is no profile ${path}` : `no household is running here (${path} is missing)`,
      'Start one with `npm start`, or name a broker with --profile FILE.',
    )
  return parseProfile(readFileSync(path, 'utf8'), path)
}
