import { readFileSync } from 'node:fs'
import { Argument, InvalidArgumentError } from 'commander'
import { messageOf } from '../../../module/base/error.ts'
import { type PublicKey, type Role, type RoleKeys, roles } from '../../../module/control/documents/kinds.ts'
import { topics } from '../../../module/control/mqtt/topics.ts'
import type { Broker } from '../broker.ts'
import { type AddCommands, type ManyLines, manyLines, within } from '../commands.ts'
import type { Context } from '../context.ts'
import { refused, usage } from '../exit.ts'
import { keyAccess, keysOnBroker, openFolder, publishKeys, signerOf } from '../keys.ts'
import { counted, linesText, table, timeText } from '../output.ts'
import { againRows, mustAllBeSigned, ToSignAgain } from '../sign-again.ts'
import { KeyFolder } from '../signing/key-folder.ts'
import type { GivenKeys, KeysDocument } from '../signing/key-sets.ts'
import { sshPublicKey } from '../signing/ssh-wire.ts'

const places = [...roles, 'roots'] as const

interface InitFlags extends GivenFlag {
  encrypt?: boolean
  rootKeys: number
  rootThreshold: number
}

function count(text: string): number {
  const number = Number(text)
  if (!Number.isInteger(number) || number < 1 || number > 16)
    throw new InvalidArgumentError('A whole number, 1 to 16.')
  return number
}

const open = (context: Context) => openFolder(context.profile, context.world.env)

interface GivenFlag {
  key?: { place: Role | 'roots'; file: string }[]
}

function parseGiven(text: string, before: GivenFlag['key'] = []): GivenFlag['key'] {
  const [, name, file = ''] = /^([a-z]+)=(.+)$/.exec(text) ?? []
  const place = places.find((known) => known === name)
  if (!place)
    throw new InvalidArgumentError(`ROLE=FILE.pub is expected, with a role of ${places.join(', ')}.`)
  return [...before, { place, file }]
}

/** Public keys of an agent, as ssh-keygen or `ssh-add -L` writes them. */
function givenKeys({ key = [] }: GivenFlag): GivenKeys {
  const given = new Map<Role | 'roots', PublicKey[]>()
  for (const { place, file } of key) {
    try {
      given.set(place, [...(given.get(place) ?? []), sshPublicKey(readFileSync(file, 'utf8'))])
    } catch (error) {
      throw usage(`${file}: ${messageOf(error)}`, 'Give the .pub file of an ssh-ed25519 key.')
    }
  }
  return Object.fromEntries(given)
}

const givenFlag = [
  '--key <role=file.pub>',
  'an Ed25519 key whose private part an SSH agent holds, instead of a fresh one in a file; may be given several times',
  parseGiven,
] as const

const nowSeconds = (context: Context) => Math.floor(context.world.now() / 1000)

async function init(context: Context, flags: InitFlags): Promise<void> {
  const { encrypt, rootKeys, rootThreshold } = flags
  const access = keyAccess(context.profile, context.world.env)
  const passphrase = encrypt ? access.passphrase : undefined
  if (encrypt && passphrase === undefined)
    throw usage(
      '--encrypt needs a passphrase',
      'SECURENET_KEYS_PASSPHRASE, or passphraseFile in the profile.',
    )
  const folder = await KeyFolder.create(context.profile.keysDir, {
    now: nowSeconds(context),
    rootKeys,
    rootThreshold,
    given: givenKeys(flags),
    ...(access.agent && { agent: access.agent }),
    ...(passphrase === undefined ? {} : { passphrase }),
  })
  context.output.result({ folder: folder.folder, roots: folder.roots }, [
    `made keys in ${folder.folder}`,
    'roots.json goes into the firmware; the root keys belong off-line; `keys publish` gives the rest to the broker',
  ])
}

async function show(context: Context): Promise<void> {
  const keyFolder = await open(context)
  const { current, documents, folder } = keyFolder
  const rows: string[][] = []
  const privateKeys: Record<string, string> = {}
  for (const place of ['roots', ...roles] as const) {
    const set = place === 'roots' ? current.roots : current.roles[place]
    for (const { kid } of set.keys) {
      const where = await keyFolder.placeOf(kid)
      privateKeys[kid] = where
      rows.push([place, `${set.threshold} of ${set.keys.length}`, kid, where])
    }
  }
  context.output.result({ folder, number: current.number, keys: current, privateKeys }, [
    `keys document ${current.number} of ${documents.length}, ${timeText(current.issuedAt)}, in ${folder}`,
    ...table([['ROLE', 'SIGN', 'KEY', 'PRIVATE PART'], ...rows]),
  ])
}

async function rotate(
  context: Context,
  replace: readonly (Role | 'roots')[],
  flags: ManyLines & GivenFlag,
): Promise<void> {
  const given = givenKeys(flags)
  const stray = Object.keys(given).find((place) => !(replace as readonly string[]).includes(place))
  if (stray) throw usage(`--key ${stray}=… is given, but ${stray} is not to be replaced`)
  const folder = await open(context)
  const broker = await context.broker()
  await signerOf(folder).check?.(broker)
  const before = folder.current
  const lines = await context.lineCount()
  const asTheyWere = roles
    .filter((role) => replace.includes(role))
    .map((role) => [role, before.roles[role]] as const)
  const register = await context.register()
  const toSign = new ToSignAgain({ broker, register }, new Map(asTheyWere))
  const count = await toSign.count()
  const number = before.number + 1
  const what = `keys of ${replace.join(', ')} are replaced (document ${number}) and ${counted(count, 'document')} signed again, for the modems of ${linesText(lines)}`
  if (!(await context.agreed(what, flags, { lines, number, replaced: replace, toSign: count }))) return
  await context.act()
  const document = await folder.rotate({ replace, given, now: nowSeconds(context) })
  // First the keys, then what they sign: a modem refuses a signature by a key that it has not been told of.
  await publishKeys(broker, [document])
  const again = await toSign.sign(context, folder)
  context.output.result({ number: document.number, replaced: replace, again }, [
    `keys document ${document.number} is published`,
    ...againRows(again),
  ])
  mustAllBeSigned(again)
}

async function resume(context: Context, chosen: readonly Role[], flags: ManyLines): Promise<void> {
  const folder = await open(context)
  const broker = await context.broker()
  const earlier = new Map<Role, RoleKeys>()
  for (const role of chosen) {
    const keys = folder.keysBefore(role)
    if (keys) earlier.set(role, keys)
  }
  const toSign = new ToSignAgain({ broker, register: await context.register() }, earlier)
  const [count, lines] = [await toSign.count(), await context.lineCount()]
  const what = `${counted(count, 'document')} that the keys before have signed are signed again, for the modems of ${linesText(lines)}`
  if (!(await context.agreed(what, flags, { lines, toSign: count }))) return
  await context.act()
  // As far as a broken-off rotation has not come; what is not ours there stops it.
  await publishKeys(broker, await missingKeys(broker, folder.documents))
  const again = await toSign.sign(context, folder)
  const never = chosen.filter((role) => !earlier.has(role))
  context.output.result({ again }, [
    ...againRows(again),
    ...never.map((role) => `${role}: its keys were never replaced; there is nothing to sign again`),
  ])
  mustAllBeSigned(again)
}

/** @throws OperatorError OPERATOR_FOREIGN_KEYS */
async function missingKeys(broker: Broker, documents: readonly KeysDocument[]): Promise<KeysDocument[]> {
  const { missing, foreign } = await keysOnBroker(broker, documents)
  const [first] = foreign
  if (!first) return missing
  throw refused(
    'OPERATOR_FOREIGN_KEYS',
    `${topics.keys(first.number)} on the broker is not the document of this profile`,
    'Is this the right profile? If so, somebody has written there: `keys publish --replace` puts ours back.',
  )
}

async function publish(context: Context, flags: ManyLines & { replace?: boolean }): Promise<void> {
  const folder = await open(context)
  const broker = await context.broker()
  const { missing, foreign } = flags.replace
    ? await keysOnBroker(broker, folder.documents)
    : { missing: await missingKeys(broker, folder.documents), foreign: [] }
  const wanted = [...missing, ...foreign]
  const lines = await context.lineCount()
  const over = foreign.length > 0 ? `, ${foreign.length} of them OVER what is not ours` : ''
  const what = `${wanted.length} of ${folder.documents.length} keys documents are published${over}, for the modems of ${linesText(lines)}`
  const data = { lines, documents: folder.documents.length, missing: wanted.map(({ number }) => number) }
  // The first ones of a new broker, and a repeat, change no line.
  const changesLines = (lines > 0 && wanted.length > 0) || foreign.length > 0
  if (!(await context.agreed(what, changesLines ? flags : { ...flags, yes: true }, data))) return
  await context.act()
  await publishKeys(broker, wanted)
  context.output.result({ documents: folder.documents.length, published: wanted.length }, [
    `keys documents 1 to ${folder.current.number} are on the broker, ${wanted.length} of them from now on`,
  ])
}

export const addKeysCommands: AddCommands = (program, world) => {
  const keys = program.command('keys').description('signing keys: make, publish, replace')
  const making = keys
    .command('init')
    .description('fresh root keys and one key for each role, in the profile’s keysDir')
    .option('--root-keys <n>', 'root keys', count, 1)
    .option('--root-threshold <n>', 'signatures that a keys document needs of them', count, 1)
    .option(...givenFlag)
    .option('--encrypt', 'at rest, with SECURENET_KEYS_PASSPHRASE or the profile’s passphraseFile')
  making.action((flags: InitFlags) => within(world, making, (context) => init(context, flags)))
  const showing = keys.command('show').description('which keys are in force')
  showing.action(() => within(world, showing, show))
  const publishing = keys
    .command('publish')
    .description('every keys document to the broker, where it stays for ever')
    .option('--replace', 'also where something else stands that is not ours')
    .option(...manyLines.dryRun)
    .option(...manyLines.yes)
  publishing.action((flags: ManyLines & { replace?: boolean }) =>
    within(world, publishing, (context) => publish(context, flags)),
  )
  const rotating = keys
    .command('rotate')
    .description(
      'replace keys: publishes the next keys document and signs again what the old ones had signed',
    )
    .addArgument(new Argument('<role...>').choices(places))
    .option(...givenFlag)
    .option(...manyLines.dryRun)
    .option(...manyLines.yes)
  rotating.action((replace: (Role | 'roots')[], flags: ManyLines & GivenFlag) =>
    within(world, rotating, (context) => rotate(context, replace, flags)),
  )
  const resuming = keys
    .command('sign-again')
    .description('what a rotation that was broken off has left under the keys before')
    .addArgument(new Argument('<role...>').choices(roles))
    .option(...manyLines.dryRun)
    .option(...manyLines.yes)
  resuming.action((chosen: Role[], flags: ManyLines) =>
    within(world, resuming, (context) => resume(context, chosen, flags)),
  )
}
