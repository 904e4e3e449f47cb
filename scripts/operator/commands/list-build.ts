import { existsSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { categories } from '../../../module/category.ts'
import type { Context } from '../context.ts'
import { usage } from '../exit.ts'
import { Archive } from '../list/archive.ts'
import type { BuildStep } from '../list/build.ts'
import { type BuildReport, BuildStopped } from '../list/build-report.ts'
import { DropsFile } from '../list/drops-file.ts'
import { type Format, formats } from '../list/formats.ts'
import type { ListInput } from '../list/gather.ts'
import { readList } from '../list/lines.ts'
import { normaliseName } from '../list/name.ts'
import { type Country, countries } from '../list/shared-hosts.ts'
import { type Built, buildNext } from '../list-publish.ts'
import { reportRows } from '../list-report.ts'
import type { Output } from '../output.ts'

export interface BuildFlags {
  input?: InputSpec[]
  popular?: string
  country?: Country
  exempt?: string[]
  dropFindings?: boolean
  drops?: string
  maxChange?: number
  force?: boolean
  newKey?: boolean
}

export interface InputSpec {
  file: string
  category: number
  format?: Format
}

/** @param text FILE:CATEGORY[:FORMAT]; read from the right, since a file may have a colon in its name */
export function parseInput(text: string): InputSpec {
  const parts = text.split(':')
  const format = formats.find((name) => name === parts.at(-1))
  if (format) parts.pop()
  const category = categories.indexOf(parts.pop() as (typeof categories)[number])
  const file = parts.join(':')
  if (file === '' || category < 0)
    throw new InvalidArgumentError(
      `FILE:CATEGORY[:FORMAT] is expected; categories: ${categories.join(', ')}; formats: ${formats.join(', ')}.`,
    )
  return format ? { file, category, format } : { file, category }
}

function mustExist(file: string): string {
  // npm runs the tool in the project's folder, wherever its user is.
  if (!existsSync(file)) throw usage(`there is no file ${resolve(file)}`)
  return file
}

function inputsOf(specs: readonly InputSpec[]): ListInput[] {
  return specs.map(({ file, category, format }) => ({
    name: basename(file),
    source: readList(mustExist(file)),
    category,
    ...(format ? { format } : {}),
  }))
}

/** As the entries are written. */
function exemptName(text: string): string {
  const found = normaliseName(text)
  if (!found.ok) throw usage(`--exempt ${text} is no name (${found.fault})`)
  return found.name
}

/** What a guard leaves out was a good line; it is no line's number but the entry's name that finds it. */
function writeFindings(drops: DropsFile, { findings, inputs }: BuildReport): void {
  for (const { guard, name, input, action } of findings)
    if (action === 'drop') drops.line(`${inputs[input]?.name ?? '?'}: guard ${guard}: ${name || '.'}`)
}

const stepsText: Readonly<Record<BuildStep, (done: number) => string>> = {
  read: (done) => `read ${done} lines`,
  guard: (done) => (done === 0 ? 'checking' : `checked ${done} names`),
  hash: (done) => `hashed ${done} names`,
}
const noteEach = 100_000

/** Of a long list a line each 100,000 lines or names: nobody must wonder whether anything happens. */
function progressOf(output: Output): (step: BuildStep, done: number) => void {
  let next = noteEach
  let step: BuildStep | undefined
  let isLong = false
  return (at, done) => {
    if (at !== step) next = noteEach
    step = at
    isLong ||= done >= noteEach
    if (!isLong || (done < next && at !== 'guard')) return
    next = done - (done % noteEach) + noteEach
    output.note(stepsText[at](done))
  }
}

/** Reads and checks; the archive stays as it is until it is saved. */
export async function build(context: Context, flags: BuildFlags): Promise<Built> {
  if (!flags.input?.length)
    throw usage('nothing to build from', 'Name at least one --input FILE:CATEGORY[:FORMAT].')
  const archive = context.isProfileThere ? new Archive(context.profile.archiveDir, context.list) : undefined
  const drops = flags.drops ? new DropsFile(flags.drops) : undefined
  const guard = flags.dropFindings
    ? ({ suffix: 'drop', hosting: 'demote', core: 'drop', popular: 'drop', shared: 'drop' } as const)
    : {}
  try {
    const built = await buildNext(archive, context.list, {
      inputs: inputsOf(flags.input),
      guards: { ...guard, exempt: new Set((flags.exempt ?? []).map(exemptName)) },
      ...(flags.popular ? { popular: readList(mustExist(flags.popular)) } : {}),
      ...(flags.country ? { country: flags.country } : {}),
      ...(flags.maxChange === undefined ? {} : { maxChangePercent: flags.maxChange }),
      force: flags.force === true,
      newKey: flags.newKey === true,
      onProgress: progressOf(context.output),
      ...(drops
        ? { onDrop: (drop) => drops.line(`${drop.input}:${drop.line}: ${drop.reason}: ${drop.text}`) }
        : {}),
    })
    if (drops) writeFindings(drops, built.report)
    return built
  } catch (error) {
    if (error instanceof BuildStopped) {
      for (const row of reportRows(error.report)) context.output.note(row)
      if (drops) writeFindings(drops, error.report)
    }
    throw error
  } finally {
    drops?.close()
  }
}

/** For an option: a whole number within bounds. */
export function whole(from: number, to: number) {
  return (text: string): number => {
    const number = Number(text)
    if (!Number.isInteger(number) || number < from || number > to)
      throw new InvalidArgumentError(`A whole number, ${from} to ${to}.`)
    return number
  }
}

const collect = (text: string, before: string[] = []) => [...before, text]

export function addBuildFlags(command: Command): Command {
  return command
    .option(
      '--input <file:category[:format]>',
      'a source; may be given several times',
      (text, before: InputSpec[] = []) => [...before, parseInput(text)],
    )
    .option('--popular <file>', 'popular names, one a line or a ranking as CSV: none may be blocked')
    .addOption(
      new Option('--country <code>', 'its banks and authorities may not be blocked either').choices(
        countries,
      ),
    )
    .option('--exempt <name>', 'block it although a guard warns; may be given several times', collect)
    .option('--drop-findings', 'leave out what a guard finds, instead of stopping')
    .option('--drops <file>', 'write every line there that was not taken, and what guards left out')
    .option('--max-change <percent>', 'more change needs --force (10)', whole(0, 100))
    .option('--force', 'whatever the change')
    .option('--new-key', 'a fresh hash key: every modem takes the snapshot')
}
