/** What a service tells procd: `ubus call service set MESSAGE`. */
export interface ServiceMessage {
  name: string
  script: string
  instances: Record<string, Record<string, unknown>>
  triggers: unknown[]
  data?: unknown
}

type Kind = 'array' | 'table' | 'string' | 'int' | 'boolean'

/** What procd reads of an instance (service/instance.c, `instance_attr`): anything else it drops in silence. */
const instanceAttributes: Readonly<Record<string, Kind>> = {
  command: 'array',
  env: 'table',
  data: 'table',
  netdev: 'array',
  file: 'array',
  triggers: 'array',
  respawn: 'array',
  nice: 'int',
  limits: 'table',
  watch: 'array',
  error: 'array',
  user: 'string',
  group: 'string',
  stdout: 'boolean',
  stderr: 'boolean',
  no_new_privs: 'boolean',
  jail: 'table',
  trace: 'boolean',
  seccomp: 'string',
  capabilities: 'string',
  pidfile: 'string',
  reload_signal: 'int',
  term_timeout: 'int',
  facility: 'string',
  extroot: 'string',
  overlaydir: 'string',
  tmpoverlaysize: 'string',
  bundle: 'string',
  watchdog: 'array',
}

/** The same of its jail (`jail_attr`). */
const jailAttributes: Readonly<Record<string, Kind>> = {
  name: 'string',
  hostname: 'string',
  procfs: 'boolean',
  sysfs: 'boolean',
  ubus: 'boolean',
  log: 'boolean',
  ronly: 'boolean',
  mount: 'table',
  netns: 'boolean',
  userns: 'boolean',
  cgroupsns: 'boolean',
  console: 'boolean',
  requirejail: 'boolean',
  immediately: 'boolean',
  pidfile: 'string',
  setns: 'array',
}

function kindOf(value: unknown): Kind | 'other' {
  if (Array.isArray(value)) return 'array'
  if (typeof value === 'string' || typeof value === 'boolean') return typeof value as Kind
  if (Number.isInteger(value) && Math.abs(value as number) < 2 ** 31) return 'int'
  return value !== null && typeof value === 'object' ? 'table' : 'other'
}

function faultsOfTable(table: object, policy: Readonly<Record<string, Kind>>, place: string): string[] {
  return Object.entries(table).flatMap(([name, value]) => {
    const wanted = Object.hasOwn(policy, name) ? policy[name] : undefined
    if (!wanted) return [`${place}.${name} is nothing that procd reads`]
    if (kindOf(value) !== wanted) return [`${place}.${name} is ${kindOf(value)}, not ${wanted}`]
    // Lists and tables are read as strings (`blobmsg_check_attr_list(…, BLOBMSG_TYPE_STRING)`): one other entry, and
    // the instance is not valid and never started.
    if ((wanted !== 'array' && wanted !== 'table') || name === 'jail' || name === 'triggers') return []
    const strange = Object.entries(value as object).filter(([, entry]) => typeof entry !== 'string')
    return strange.map(([key]) => `${place}.${name}.${key} is not a string`)
  })
}

/** `[event, statement or statements, delay?]` (service/trigger.c; statements: libubox's json_script). */
function faultsOfTrigger(trigger: unknown, place: string): string[] {
  if (!Array.isArray(trigger)) return [`${place} is no array`]
  const [event, actions, delay] = trigger
  return [
    ...(typeof event === 'string' ? [] : [`${place}: event is no string`]),
    ...(Array.isArray(actions) ? [] : [`${place}: no statement`]),
    ...(delay === undefined || kindOf(delay) === 'int' ? [] : [`${place}: delay is no number`]),
    ...(JSON.stringify(actions).includes('"run_script"') ? [] : [`${place}: runs nothing`]),
  ]
}

/** What procd would drop, or not start for; empty where it takes all of it. */
export function faultsOf(message: ServiceMessage): string[] {
  const instances = Object.entries(message.instances).flatMap(([name, instance]) => {
    const { jail, command } = instance as { jail?: { mount?: object }; command?: unknown[] }
    const jailed = jail !== undefined
    return [
      ...faultsOfTable(instance, instanceAttributes, name),
      ...(jailed ? faultsOfTable(jail, jailAttributes, `${name}.jail`) : []),
      ...(command?.length ? [] : [`${name} has no command`]),
      ...(Object.values(jail?.mount ?? {}).every((mode) => mode === '0' || mode === '1')
        ? []
        : [`${name}.jail.mount: 0 or 1`]),
      // Without a jail procd does not read them (`jail_run` alone passes them on).
      ...(!jailed && ('capabilities' in instance || 'no_new_privs' in instance)
        ? [`${name} has no jail to give capabilities`]
        : []),
    ]
  })
  return [
    ...(message.name ? [] : ['no name']),
    ...instances,
    ...message.triggers.flatMap((trigger, index) => faultsOfTrigger(trigger, `triggers.${index}`)),
  ]
}
