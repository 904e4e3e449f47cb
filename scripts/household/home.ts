import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { codeOf, messageOf, SecureNetError } from '../../module/base/error.ts'

/** The household's folder. It begins anew with every start, as the keys do: old orders would be signed by nobody. */
export interface Home {
  folder: string
  /** Says that the folder is a household's and where it runs; read by run.mjs. */
  marker: string
  /** The operator's side. */
  profile: string
  keysDir: string
  archiveDir: string
  registerDir: string
  /** The modem's side. */
  dataDir: string
  runDir: string
  configFile: string
  rootsFile: string
  moduleLog: string
}

/** Room that the path of a Unix socket has (unix(7): 108 bytes), less the name of the socket itself. */
const LONGEST_RUN_DIR = 80

export function homePaths(folder: string): Home {
  const modem = join(folder, 'modem')
  const runDir = join(modem, 'run')
  const digest = createHash('sha256').update(folder).digest('hex').slice(0, 12)
  return {
    folder,
    marker: join(folder, 'household.json'),
    profile: join(folder, 'operator.json'),
    keysDir: join(folder, 'keys'),
    archiveDir: join(folder, 'archive'),
    registerDir: join(folder, 'register'),
    dataDir: join(modem, 'data'),
    runDir: runDir.length <= LONGEST_RUN_DIR ? runDir : join(tmpdir(), `securenet-${digest}`),
    configFile: join(modem, 'config.json'),
    rootsFile: join(modem, 'roots.json'),
    moduleLog: join(modem, 'module.log'),
  }
}

/** A process that runs and is a household: a number that has gone to another program since is none. */
function isHousehold(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch {
    return false
  }
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('household')
  } catch {
    return true
  }
}

function refuseForeign(home: Home): void {
  const names = readdirSync(home.folder)
  if (names.length === 0) return
  let pid: unknown
  try {
    pid = JSON.parse(readFileSync(home.marker, 'utf8')).pid
  } catch {
    throw new SecureNetError(
      'HOUSEHOLD_HOME_FOREIGN',
      `${home.folder} is not empty and not a household's folder`,
      'It would be emptied: name an empty or new folder with SECURENET_HOME=FOLDER.',
    )
  }
  if (typeof pid === 'number' && pid !== process.pid && isHousehold(pid))
    throw new SecureNetError(
      'HOUSEHOLD_RUNNING',
      `a household is running in ${home.folder} (process ${pid})`,
      'Stop that one with Ctrl-C, or give this one a folder and ports of its own (SECURENET_HOME, SECURENET_DNS_PORT, SECURENET_PAGE_PORT, SECURENET_MQTT_PORT).',
    )
}

/** @throws SecureNetError HOUSEHOLD_HOME_REFUSED, HOUSEHOLD_HOME_FOREIGN, HOUSEHOLD_RUNNING naming the folder */
export function prepareHome(folder: string): Home {
  const home = homePaths(folder)
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    if (!statSync(folder).isDirectory()) throw new Error('not a folder')
    refuseForeign(home)
    writeFileSync(home.marker, JSON.stringify({ pid: process.pid, runDir: home.runDir }))
    rmSync(home.profile, { force: true })
    for (const path of [home.keysDir, home.archiveDir, home.registerDir, join(folder, 'modem'), home.runDir])
      rmSync(path, { recursive: true, force: true })
    for (const path of [home.keysDir, home.archiveDir, home.dataDir, home.runDir])
      mkdirSync(path, { recursive: true, mode: 0o700 })
  } catch (error) {
    if (error instanceof SecureNetError) throw error
    throw new SecureNetError(
      'HOUSEHOLD_HOME_REFUSED',
      `the folder ${folder} cannot be written (${codeOf(error)}): ${messageOf(error)}`,
      'Give yourself the right to write there, or name another folder with SECURENET_HOME=FOLDER.',
    )
  }
  return home
}

/** What the modem has stored stays: it protects from that alone. The broker's address and the socket's folder go. */
export function leaveHome(home: Home): void {
  rmSync(home.profile, { force: true })
  if (!home.runDir.startsWith(home.folder)) rmSync(home.runDir, { recursive: true, force: true })
}
