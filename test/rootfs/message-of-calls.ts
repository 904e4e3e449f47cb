import type { ServiceMessage } from './service-message.ts'

type Table = Record<string, unknown>

const tables = new Set(['env', 'data', 'limits'])
const arrays = new Set(['command', 'netdev', 'file', 'respawn', 'watch', 'watchdog'])
const numbers = new Set(['nice', 'term_timeout', 'reload_signal'])
const flags = new Set(['stdout', 'stderr', 'no_new_privs'])

function setParameter(instance: Table, [name, ...values]: string[]): void {
  if (name === undefined) return
  if (tables.has(name))
    instance[name] = Object.fromEntries(values.map((value) => value.split(/=(.*)/s).slice(0, 2)))
  else if (arrays.has(name)) instance[name] = values
  else if (numbers.has(name)) instance[name] = Number(values[0])
  else if (flags.has(name)) instance[name] = values[0] === '1'
  else instance[name] = values[0]
}

const whenEqual = (event: string, key: string, value: string, script: string) => [
  event,
  ['if', ['eq', key, value], ['run_script', script, 'reload']],
  1000,
]

/** The message that procd.sh makes of the calls which the stand-in wrote down. @param script the init script's path */
export function messageOfCalls(calls: readonly string[][], script: string): ServiceMessage {
  const message: ServiceMessage = { name: '', script, instances: {}, triggers: [] }
  const reload = `/etc/init.d/${script.split('/').at(-1)}`
  let instance: Table = {}
  const mount = (mode: string, paths: string[]) => {
    const { mount: mounts } = instance['jail'] as { mount: Table }
    for (const path of paths) mounts[path] = mode
  }
  for (const [call, ...fields] of calls) {
    const [first = ''] = fields
    if (call === 'open_service') message.name = first
    else if (call === 'open_instance') {
      instance = {}
      message.instances[first || `instance${Object.keys(message.instances).length + 1}`] = instance
    } else if (call === 'set_param') setParameter(instance, fields)
    else if (call === 'append_param') (instance[first] as string[]).push(...fields.slice(1))
    else if (call === 'add_jail') {
      const options = fields.slice(1).map((option) => [option, true] as const)
      instance['jail'] = { name: first, ...Object.fromEntries(options), mount: {} }
    } else if (call === 'add_jail_mount') mount('0', fields)
    else if (call === 'add_jail_mount_rw') mount('1', fields)
    else if (call === 'add_reload_trigger')
      for (const file of fields) message.triggers.push(whenEqual('config.change', 'package', file, reload))
    else if (call === 'add_reload_interface_trigger')
      message.triggers.push(whenEqual('interface.*', 'interface', first, reload))
    else if (call === 'add_raw_trigger')
      message.triggers.push([first, [['run_script', ...fields.slice(2)]], Number(fields[1])])
  }
  return message
}
