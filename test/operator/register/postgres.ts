import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const packages = '/usr/lib/postgresql'

/** Of the newest installed version; Debian keeps the server's programs out of PATH. */
function programs(): string | undefined {
  const versions = existsSync(packages) ? readdirSync(packages).map(Number) : []
  const newest = Math.max(
    ...versions.filter((version) => existsSync(join(packages, String(version), 'bin', 'initdb'))),
  )
  return Number.isFinite(newest) ? join(packages, String(newest), 'bin') : undefined
}

/** Whether a real PostgreSQL is there; a test that is skipped for want of it says so. */
export const postgresMissing = (() => {
  const missing = programs() === undefined
  if (missing) console.log('skipped: tests against PostgreSQL (apt-get install postgresql)')
  return missing
})()

/** The user of the server: PostgreSQL refuses to run as root. */
function serverUser(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined
  const id = (flag: string) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }))
  return { uid: id('-u'), gid: id('-g') }
}

/** A real server in a folder of its own, on a Unix socket only. */
export async function startPostgres(): Promise<{ address: string; stop(): Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), 'securenet-pg-'))
  const data = join(folder, 'data')
  const user = serverUser()
  const as = { cwd: folder, ...user }
  chmodSync(folder, 0o755)
  mkdirSync(data, { mode: 0o700 })
  if (user) for (const path of [folder, data]) chownSync(path, user.uid, user.gid)
  const bin = programs()!
  execFileSync(
    join(bin, 'initdb'),
    ['-D', data, '-U', 'operator', '-A', 'trust', '-E', 'UTF8', '--no-sync'],
    { ...as, stdio: 'pipe' },
  )
  const settings = ['listen_addresses=', `unix_socket_directories=${folder}`, 'fsync=off']
  const child = spawn(
    join(bin, 'postgres'),
    ['-D', data, ...settings.flatMap((setting) => ['-c', setting])],
    {
      ...as,
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  )
  const exited = once(child, 'exit')
  let log = ''
  await new Promise<void>((resolve, reject) => {
    child.stderr?.on('data', (text) => {
      log += text
      if (log.includes('ready to accept connections')) resolve()
    })
    child.once('exit', () => reject(new Error(`PostgreSQL did not start: ${log}`)))
  })
  return {
    address: `postgresql://operator@localhost/postgres?host=${encodeURIComponent(folder)}`,
    async stop() {
      // Fast shutdown: connections are ended.
      child.kill('SIGINT')
      await exited
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
