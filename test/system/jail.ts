/**
 * What procd and ujail make of a service message, with the tools of this machine: a mount namespace whose root is an
 * empty file system, in it what the message's `mount` names and the libraries of these files (ujail reads them from the
 * ELF headers, `ldd` here), /dev with its few nodes, /proc, /sys; PID and IPC namespaces; user, capabilities, no new
 * privileges; and an environment of what the instance names and nothing else (procd's jail/jail.c, jail/fs.c).
 */
import { execFileSync } from 'node:child_process'
import { existsSync, lstatSync, readFileSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import type { ServiceMessage } from '../rootfs/service-message.ts'

interface Instance {
  command: string[]
  user: string
  env?: Record<string, string>
  capabilities: string
  no_new_privs: boolean
  jail: { mount: Record<string, string>; procfs?: boolean; sysfs?: boolean; ronly?: boolean }
}

const isElf = (file: string) =>
  lstatSync(realpathSync(file)).isFile() && readFileSync(file).subarray(1, 4).toString() === 'ELF'

function librariesOf(file: string): string[] {
  if (!isElf(file)) return []
  const listed = execFileSync('sh', ['-c', 'ldd "$1" || true', 'sh', file], { encoding: 'utf8' })
  return [...listed.matchAll(/(\/\S+) \(0x/g)].map((match) => match[1]!)
}

export function instanceOf(message: ServiceMessage): Instance {
  return message.instances['instance1'] as unknown as Instance
}

/** Only these are needed of a capabilities file here: the same set five times, by name. */
function capabilitiesIn(file: string): string[] {
  const sets = Object.values(JSON.parse(readFileSync(file, 'utf8'))) as string[][]
  const [first = []] = sets
  if (sets.length !== 5 || sets.some((set) => `${set}` !== `${first}`))
    throw new Error(`${file}: five equal sets expected`)
  return first.map((name) => name.replace(/^CAP_/, '').toLowerCase())
}

const pathOf = (tool: string) => execFileSync('sh', ['-c', `command -v ${tool}`], { encoding: 'utf8' }).trim()

/** The jailed process: the first of a PID namespace of its own. @param outer of what runs `jailed()` */
export function innerPid(outer: number): number {
  return Number(readFileSync(`/proc/${outer}/task/${outer}/children`, 'utf8').trim().split(' ')[0])
}

const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`

/**
 * @param root an empty folder, where the new root is mounted; goes with the namespace
 * @param command what runs in the jail instead of the instance's own command
 * @returns argv; run it as root
 */
export function jailed(instance: Instance, root: string, command = instance.command): string[] {
  const setpriv = pathOf('setpriv')
  const named = Object.entries(instance.jail.mount)
  // setpriv is this test's: ujail drops privileges by itself.
  const always = ['/etc/passwd', '/etc/group', '/etc/nsswitch.conf', '/etc/resolv.conf'].filter(existsSync)
  const files = [instance.command[0]!, setpriv, ...always, ...named.map(([path]) => path)]
  const mounts = new Map([...new Set([...files, ...files.flatMap(librariesOf)])].map((path) => [path, 'ro']))
  for (const [path, mode] of named) if (mode === '1') mounts.set(path, 'rw')
  // In the order of their paths, as ujail has them: a folder before what is in it.
  const lines = [...mounts]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([path, mode]) => {
      const [from, to] = [quoted(path), quoted(join(root, path))]
      const place = lstatSync(realpathSync(path)).isDirectory()
        ? `mkdir -p ${to}`
        : `mkdir -p "$(dirname ${to})"; [ -e ${to} ] || : >${to}`
      return [place, `mount --bind ${from} ${to}`, `mount -o remount,bind,${mode} ${to}`]
    })
  const caps = capabilitiesIn(instance.capabilities).map((name) => `+${name}`)
  const drop = [
    ...[setpriv, `--reuid=${instance.user}`, `--regid=${instance.user}`, '--clear-groups'],
    ...(instance.no_new_privs ? ['--no-new-privs'] : []),
    ...['bounding-set', 'inh-caps', 'ambient-caps'].map((set) => `--${set}=${['-all', ...caps].join(',')}`),
  ]
  // Of procd's own environment nothing is passed on, not even PATH (ujail's `build_envp`).
  const env = ['container=ujail', ...Object.entries(instance.env ?? {}).map((pair) => pair.join('='))]
  const chroot = pathOf('chroot')
  const script = [
    'set -e',
    `mount -t tmpfs -o mode=755 tmpfs ${quoted(root)}`,
    `mkdir -p ${root}/dev ${root}/proc ${root}/sys`,
    // Everybody may write there, as in ujail's: a megabyte that goes with the jail.
    `mount -t tmpfs -o size=1m,noexec,nosuid tmpfs ${root}/dev`,
    ...['null 3', 'zero 5', 'full 7', 'random 8', 'urandom 9'].map((node) => {
      const [name, minor] = node.split(' ')
      return `mknod -m 666 ${root}/dev/${name} c 1 ${minor}`
    }),
    ...lines,
    ...(instance.jail.procfs
      ? [
          `mount -t proc -o nodev,noexec,nosuid proc ${root}/proc`,
          `mount --bind ${root}/proc/sys ${root}/proc/sys`,
          `mount -o remount,bind,ro ${root}/proc/sys`,
        ]
      : []),
    ...(instance.jail.sysfs ? [`mount -t sysfs -o ro sysfs ${root}/sys`] : []),
    ...(instance.jail.ronly ? [`mount -o remount,ro ${quoted(root)}`] : []),
    `exec ${[...['env', '-i', ...env], chroot, root, ...drop, ...command].map(quoted).join(' ')}`,
  ]
  const namespaces = ['--mount', '--propagation=private', '--ipc', '--pid', '--fork', '--kill-child=SIGKILL']
  return ['unshare', ...namespaces, 'sh', '-c', script.join('\n')]
}
