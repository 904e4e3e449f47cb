/**
 * What may import what: the one table. `npm run check` holds every import of the project against it (walls.ts) and
 * draws docs/architecture.svg from the imports that it finds. Why the floors are as they are: docs/adr/0001-layout.md.
 */

export interface Room {
  /** A folder (not its subfolders), one file, or a folder with all below it (`path/**`). From the project's root. */
  readonly at: string
  /** The rooms that its files may import, beside their own. */
  readonly may: readonly string[]
  /** Bytes in, bytes out: imports no Node module either. */
  readonly pure?: true
}

export interface Layout {
  /** The module, the lowest floor first. A room may import rooms of lower floors only: so there is no circle. */
  readonly floors: readonly (readonly Room[])[]
  /** The top of the module: puts the parts together. No room below may import it. */
  readonly compositionRoot: readonly Room[]
  /** What people run, and the tests. They may import the module; the module imports none of them. */
  readonly outside: readonly Room[]
  /** The rooms or files that may import a package from npm. What `outside` alone imports is not named (knip sees to it). */
  readonly packages: Readonly<Record<string, readonly string[]>>
  /** Node modules of the module: the rooms or files that may import them. One that is not named is refused. */
  readonly builtins: Readonly<Record<string, readonly string[] | 'everywhere'>>
}

/** Paths below `module/`, separated by spaces. */
function paths(list: string): string[] {
  return list.split(' ').map((path) => `module/${path}`)
}

function room(at: string, may = ''): Room {
  return { at: `module/${at}`, may: may === '' ? [] : paths(may) }
}

function pure(at: string, may = ''): Room {
  return { ...room(at, may), pure: true }
}

export const layout: Layout = {
  floors: [
    [room('base'), pure('dns'), pure('category.ts'), pure('version.ts'), room('compiled-schema.d.ts')],
    [
      room('platform', 'base'),
      room('platform/batch', 'base'),
      room('config', 'base'),
      room('local', 'base'),
      room('blocklist/format', 'base'),
      room('control/schemas'),
      pure('query', 'base category.ts dns'),
    ],
    [
      room('line', 'platform'),
      room('upstream', 'base dns platform'),
      room('listener', 'base platform platform/batch query'),
      room('telemetry', 'base category.ts dns platform query'),
      room('interception', 'base config platform'),
      room('health', 'base config dns'),
      room('blocklist/store', 'base blocklist/format'),
    ],
    [
      room('query-pipeline.ts', 'base config dns listener query telemetry'),
      room('blocklist', 'base category.ts dns blocklist/format blocklist/store'),
      room('blockpage/**', 'base category.ts config line'),
      room('control/documents', 'base blocklist/format control/schemas line platform'),
      room('control/mqtt', 'base blocklist/format'),
    ],
    [
      room('threads', 'base blocklist/format blocklist/store config dns listener query telemetry'),
      room('blocklist/update', 'base category.ts dns platform blocklist blocklist/format blocklist/store'),
      room('diagnostics', 'base blocklist category.ts dns query upstream'),
      room('passthrough', 'base blockpage/** config dns upstream'),
    ],
    [
      room(
        'control',
        'base blocklist/format blocklist/update config control/documents control/mqtt health interception line platform',
      ),
      room('cli', 'base diagnostics dns health local'),
    ],
  ],
  compositionRoot: [
    room(
      'daemon',
      'base blocklist blocklist/format blocklist/store blocklist/update blockpage/** ' +
        'category.ts config control control/documents control/mqtt diagnostics dns health interception line listener local passthrough ' +
        'platform platform/batch query query-pipeline.ts telemetry threads upstream version.ts',
    ),
    room('main.ts', 'base cli config daemon diagnostics platform query-worker.ts version.ts'),
    room(
      'query-worker.ts',
      'base blocklist blocklist/store config dns listener platform/batch query query-pipeline.ts telemetry threads ' +
        'upstream',
    ),
    room('list-builder.ts', 'blocklist/store threads'),
  ],
  outside: [
    { at: 'scripts/bundle/**', may: [] },
    { at: 'scripts/compile-schema.mjs', may: [] },
    { at: 'scripts/compile-batch.mjs', may: [] },
    { at: 'scripts/compile-batch.d.mts', may: [] },
    { at: 'scripts/free-port.ts', may: [] },
    { at: 'scripts/path-busybox.ts', may: [] },
    { at: 'scripts/package/**', may: ['scripts/compile-batch.mjs'] },
    { at: 'scripts/check/**', may: [] },
    { at: 'scripts/test.ts', may: [] },
    {
      at: 'scripts/operator/**',
      may: paths(
        'base blocklist blocklist/format blocklist/update category.ts control/documents control/mqtt ' +
          'control/schemas line',
      ),
    },
    {
      at: 'scripts/household/**',
      may: [...paths('base category.ts control/mqtt dns'), 'scripts/operator/**'],
    },
    {
      at: 'scripts/fleet/**',
      may: [
        ...paths('base blocklist/format blocklist/update category.ts control control/mqtt line platform'),
        ...['scripts/free-port.ts', 'scripts/household/**', 'scripts/operator/**'],
      ],
    },
    {
      at: 'scripts/bench/**',
      may: [
        ...paths('base blocklist blocklist/format blocklist/store blocklist/update category.ts'),
        ...paths('control/mqtt dns local query threads'),
        ...['scripts/free-port.ts', 'scripts/household/**', 'scripts/operator/**'],
      ],
    },
    { at: 'scripts/operator.ts', may: ['scripts/operator/**'] },
    { at: 'scripts/household.ts', may: ['module/base', 'scripts/household/**'] },
    {
      at: 'scripts/fleet.ts',
      may: ['module/base', 'scripts/fleet/**', 'scripts/household/**', 'scripts/operator/**'],
    },
    { at: 'scripts/bench.ts', may: ['module/base', 'scripts/bench/**', 'scripts/household/**'] },
    { at: 'scripts/check.ts', may: ['scripts/check/**'] },
    { at: 'scripts/draw-architecture.ts', may: ['scripts/check/**'] },
    { at: 'scripts/run.mjs', may: ['scripts/compile-schema.mjs'] },
    {
      at: 'build.mjs',
      may: [
        ...['scripts/bundle/**', 'scripts/compile-batch.mjs', 'scripts/compile-schema.mjs'],
        'scripts/package/**',
      ],
    },
    { at: 'test/**', may: ['**'] },
    { at: 'vitest.config.mjs', may: ['scripts/compile-schema.mjs', 'test/**'] },
  ],
  packages: {
    dns2: ['module/health/reference-client.ts'],
    jose: ['module/control/documents'],
    lmdb: ['module/blocklist/store'],
    mqtt: ['module/control/mqtt'],
  },
  builtins: {
    child_process: ['module/platform', 'module/threads/shared-sockets.ts'],
    crypto: 'everywhere',
    dgram: [
      'module/health',
      'module/interception',
      'module/listener',
      'module/platform',
      'module/threads',
      'module/upstream',
    ],
    fs: [
      ...['module/blocklist/store', 'module/blocklist/update', 'module/control', 'module/daemon'],
      ...['module/interception', 'module/list-builder.ts', 'module/main.ts', 'module/platform'],
    ],
    'fs/promises': [
      ...['module/blocklist/store', 'module/blocklist/update', 'module/control/mqtt', 'module/local'],
      'module/platform',
    ],
    http: ['module/blockpage/**', 'module/health', 'module/local'],
    net: 'everywhere',
    os: 'everywhere',
    path: 'everywhere',
    stream: 'everywhere',
    'timers/promises': 'everywhere',
    tls: ['module/control/mqtt'],
    url: 'everywhere',
    util: 'everywhere',
    worker_threads: [...['module/blocklist/store', 'module/threads', 'module/main.ts']],
  },
}
