import { Argument, InvalidArgumentError } from 'commander'
import { type Role, roles } from '../../../module/control/documents-kinds.ts'
import { topics } from '../../../module/control/topics.ts'
import { type AddCommands, manyLines, within } from '../commands.ts'
import type { Context } from '../context.ts'
import { usage } from '../exit.ts'
import { passphraseOf, publishKeys, signAgain } from '../keys.ts'
import { timeText } from '../output.ts'
import { KeyFolder } from '../signing/key-folder.ts'

const places = [...roles, 'roots'] as const

interface InitFlags {
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

const open = (context: Context) =>
  KeyFolder.open(context.profile.keysDir, passphraseOf(context.profile, context.world.env))

const nowSeconds = (context: Context) => Math.floor(context.world.now() / 1000)

async function init(context: Context, { encrypt, rootKeys, rootThreshold }: InitFlags): Promise<void> {
  const passphrase = encrypt ? passphraseOf(context.profile, context.world.env) : undefined
  if (encrypt && passphrase === undefined)
    throw usage(
      '--encrypt needs a passphrase',
      'SECURENET_KEYS_PASSPHRASE, or passphraseFile in the profile.',
    )
  const folder = await KeyFolder.create(context.profile.keysDir, {
    now: nowSeconds(context),
    rootKeys,
    rootThreshold,
    ...(passphrase === undefined ? {} : { passphrase }),
  })
  context.output.result({ folder: folder.folder, roots: folder.roots }, [
    `made keys in ${folder.folder}`,
    'roots.json goes into the firmware; the root keys belong off-line; `keys publish` gives the rest to the broker',
  ])
}

async function show(context: Context): Promise<void> {
  const { current, documents, folder } = await open(context)
  const sets = [
    ['roots', current.roots],
    ...roles.map((role) => [role, current.roles[role]] as const),
  ] as const
  context.output.result({ folder, number: current.number, keys: current }, [
    `keys document ${current.number} of ${documents.length}, ${timeText(current.issuedAt)}, in ${folder}`,
    ...sets.map(
      ([place, set]) => `${place.padEnd(8)} ${set.threshold} of ${set.keys.map((key) => key.kid).join(', ')}`,
    ),
  ])
}

async function rotate(
  context: Context,
  replace: readonly (Role | 'roots')[],
  yes: boolean | undefined,
): Promise<void> {
  const folder = await open(context)
  const lines = (await context.knownLines()).length
  await context.confirm(
    `Keys of ${replace.join(', ')} are replaced for the modems of ${lines} reported lines.`,
    yes,
  )
  const before = folder.current
  const document = await folder.rotate({ replace, now: nowSeconds(context) })
  const broker = await context.broker()
  // First the keys, then what they sign: a modem refuses a signature by a key that it has not been told of.
  await broker.publish(topics.keys(document.number), document.jws, true)
  const again: Record<string, { signed: number; foreign: string[] }> = {}
  for (const role of roles)
    if (replace.includes(role))
      again[role] = await signAgain({ broker, sign: folder.sign }, role, before.roles[role])
  const rows = Object.entries(again).map(
    ([role, { signed, foreign }]) =>
      `${role}: ${signed} documents signed again${foreign.length > 0 ? `, left alone: ${foreign.join(', ')}` : ''}`,
  )
  context.output.result({ number: document.number, replaced: replace, again }, [
    `keys document ${document.number} is published`,
    ...rows,
  ])
}

export const addKeysCommands: AddCommands = (program, world) => {
  const keys = program.command('keys').description('signing keys: make, publish, replace')
  const making = keys
    .command('init')
    .description('fresh root keys and one key for each role, in the profile’s keysDir')
    .option('--root-keys <n>', 'root keys', count, 1)
    .option('--root-threshold <n>', 'signatures that a keys document needs of them', count, 1)
    .option('--encrypt', 'at rest, with SECURENET_KEYS_PASSPHRASE or the profile’s passphraseFile')
  making.action((flags: InitFlags) => within(world, making, (context) => init(context, flags)))
  const showing = keys.command('show').description('which keys are in force')
  showing.action(() => within(world, showing, show))
  const publishing = keys
    .command('publish')
    .description('every keys document to the broker, where it stays for ever')
  publishing.action(() =>
    within(world, publishing, async (context) => {
      const folder = await open(context)
      await publishKeys(await context.broker(), folder)
      context.output.result({ documents: folder.documents.length }, [
        `published keys documents 1 to ${folder.current.number}`,
      ])
    }),
  )
  const rotating = keys
    .command('rotate')
    .description(
      'replace keys: publishes the next keys document and signs again what the old ones had signed',
    )
    .addArgument(new Argument('<role...>').choices(places))
    .option(...manyLines.yes)
  rotating.action((replace: (Role | 'roots')[], flags: { yes?: boolean }) =>
    within(world, rotating, (context) => rotate(context, replace, flags.yes)),
  )
}
