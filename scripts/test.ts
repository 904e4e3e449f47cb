import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Programs that tests use for real, or files, and the Debian package of each. */
const tools: Readonly<Record<string, string>> = {
  nft: 'nftables',
  ip: 'iproute2',
  ipset: 'ipset',
  iptables: 'iptables',
  conntrack: 'conntrack',
  setpriv: 'util-linux',
  openssl: 'openssl',
  dnsmasq: 'dnsmasq-base',
  unbound: 'unbound',
  mosquitto: 'mosquitto',
  mosquitto_pub: 'mosquitto-clients',
  dig: 'bind9-dnsutils',
  kdig: 'knot-dnsutils',
  drill: 'ldnsutils',
  busybox: 'busybox',
  shellcheck: 'shellcheck',
  chromium: 'chromium',
  tidy: 'tidy',
  'qemu-aarch64-static': 'qemu-user-static',
  strip: 'binutils',
  gcc: 'gcc',
  '/usr/include/stdio.h': 'libc6-dev',
  'aarch64-linux-gnu-gcc': 'gcc-aarch64-linux-gnu',
  'arm-linux-gnueabihf-gcc': 'gcc-arm-linux-gnueabihf',
  'aarch64-linux-gnu-strip': 'binutils-aarch64-linux-gnu',
  'arm-linux-gnueabihf-strip': 'binutils-arm-linux-gnueabihf',
  '/usr/aarch64-linux-gnu/lib/libc.so.6': 'libc6-arm64-cross',
  '/usr/aarch64-linux-gnu/lib/libstdc++.so.6': 'libstdc++6-arm64-cross',
  '/usr/arm-linux-gnueabihf/lib/libc.so.6': 'libc6-armhf-cross',
  '/usr/arm-linux-gnueabihf/lib/libstdc++.so.6': 'libstdc++6-armhf-cross',
  '/usr/arm-linux-gnueabihf/lib/libatomic.so.1': 'libatomic1-armhf-cross',
  strace: 'strace',
  curl: 'curl',
  getent: 'libc-bin',
  'musl-gcc': 'musl-tools',
  ps: 'procps',
  'ssh-agent': 'openssh-client',
  '/usr/lib/postgresql': 'postgresql',
  psql: 'postgresql-client',
}

function isInstalled(tool: string): boolean {
  if (tool.startsWith('/')) return existsSync(tool)
  const folders = `${process.env['PATH'] ?? ''}${delimiter}/usr/sbin${delimiter}/sbin`.split(delimiter)
  return folders.some((folder) => {
    try {
      accessSync(join(folder, tool), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

function missingTools(): string[] {
  return Object.keys(tools).filter((tool) => !isInstalled(tool))
}

function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env): number {
  const { status, error } = spawnSync(command, args, { stdio: 'inherit', env })
  if (error) console.error(`${command}: ${error.message}`)
  return status ?? 1
}

/** Debian and root: what tests need is installed, after saying what. */
function installMissing(): void {
  const packages = [...new Set(missingTools().map((tool) => tools[tool]!))]
  if (packages.length === 0) return
  const allowed = process.env['SECURENET_TEST_INSTALL'] !== '0'
  if (!allowed || process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) return
  console.log(
    `installing Debian packages for the tests: ${packages.join(' ')}  (SECURENET_TEST_INSTALL=0 forbids it)`,
  )
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  // Another installation on the machine is waited for.
  const patient = ['-o', 'DPkg::Lock::Timeout=600']
  if (run('apt-get', [...patient, 'update', '-qq'], env) === 0)
    run('apt-get', [...patient, 'install', '-y', '-qq', '--no-install-recommends', ...packages], env)
}

interface Report {
  numPassedTests: number
  numFailedTests: number
  numPendingTests: number
  numFailedTestSuites: number
  success: boolean
  testResults: { name: string; assertionResults: { status: string; fullName: string }[] }[]
}

/** Why a test is skipped on a machine that lacks nothing, and how to enable it. */
const skippedOnPurpose: readonly [RegExp, string][] = [
  [/system\/browser\.test/, 'takes minutes; enable with SECURENET_TABLE=1'],
  [
    /package\/openwrt\.test/,
    'OpenWrt’s own files are not part of this; enable with SECURENET_OPENWRT=FOLDER',
  ],
  [/system\/interception-/, 'not of this back-end; the other back-ends’ files run it'],
]

function printSkipped(report: Report): void {
  const skipped = report.testResults.flatMap(({ name, assertionResults }) => {
    const count = assertionResults.filter(({ status }) => status === 'pending' || status === 'skipped').length
    const why = skippedOnPurpose.find(([file]) => file.test(name))?.[1]
    const path = name.replace(`${process.cwd()}/`, '')
    return count > 0 ? [`  ${count} in ${path}${why ? `: ${why}` : ''}`] : []
  })
  if (skipped.length === 0) return
  const missing = missingTools()
  console.log(`\nskipped:\n${skipped.join('\n')}`)
  if (process.getuid?.() !== 0)
    console.log('  why: not root, so no network namespaces; run as root to enable them')
  if (missing.length > 0) {
    const packages = [...new Set(missing.map((tool) => tools[tool]))].join(' ')
    console.log(`  why: ${missing.join(', ')} not installed; enable with: apt-get install ${packages}`)
  }
}

/** @returns null where the runner left none, or half of one */
function readReport(): Report | null {
  try {
    return JSON.parse(readFileSync(reportFile, 'utf8')) as Report
  } catch {
    return null
  }
}

/** A run that failed without a failed test counts as one: a file that could not be loaded, or no report at all. */
function counted(report: Report | null): { passed: number; failed: number } {
  if (!report) return { passed: 0, failed: 1 }
  const { numPassedTests, numFailedTests, success } = report
  return { passed: numPassedTests, failed: numFailedTests === 0 && !success ? 1 : numFailedTests }
}

const folder = join('dist', 'test')
const reportFile = join(folder, 'report.json')

installMissing()
// Tests of the whole try what is shipped, not the sources.
if (run(process.execPath, ['build.mjs']) !== 0) process.exit(1)
mkdirSync(folder, { recursive: true })
const vitest = join('node_modules', 'vitest', 'vitest.mjs')
const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${reportFile}`]
// What an earlier run has left is no report of this one.
rmSync(reportFile, { force: true })
const status = run(process.execPath, [vitest, 'run', ...reporters, ...process.argv.slice(2)])
const report = readReport()
if (report) printSkipped(report)
else console.log('no report: the test runner ended before its end; what it said is above')
const { passed, failed } = counted(report)
console.log(`\n${passed} passed, ${failed} failed`)
process.exitCode = status === 0 && failed === 0 ? 0 : 1
