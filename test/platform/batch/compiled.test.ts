import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { compileBatch } from '../../../scripts/compile-batch.mjs'

const root = join(import.meta.dirname, '..', '..', '..')
const folder = mkdtempSync(join(tmpdir(), 'securenet-batch-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const cpus = ['x64', 'arm64', 'arm'].map((cpu) => {
  const file = join(folder, `${cpu}.node`)
  return { cpu, file, missing: compileBatch(cpu, file, { root }) }
})
for (const { cpu, missing } of cpus)
  if (missing) console.log(`the add-on for ${cpu} is not tried: ${missing}`)

/** What the kernel calls EBADF: the system call was made. */
const NO_SUCH_DESCRIPTOR = '-9'

describe.each(cpus)('the add-on for $cpu', ({ cpu, file, missing }) => {
  it.skipIf(missing)('needs nothing but Node-API', () => {
    const listed = execFileSync('readelf', ['--dyn-syms', '--dynamic', '--wide', file], { encoding: 'utf8' })
    const undefinedNames = [...listed.matchAll(/\bUND (\S+)$/gm)].map(([, name]) => name)
    expect(undefinedNames.length).toBeGreaterThan(0)
    expect(undefinedNames.filter((name) => !name!.startsWith('napi_'))).toEqual([])
    expect(listed).not.toContain('(NEEDED)')
    expect(listed).not.toContain('.symtab')
  })

  it.skipIf(missing)('is the same to the octet when it is built again', () => {
    const again = join(folder, `${cpu}-again.node`)
    compileBatch(cpu, again, { root })
    expect(readFileSync(again).equals(readFileSync(file))).toBe(true)
    expect(statSync(file).size).toBeLessThan(10_000)
  })
})

it('no compiler for a CPU is said, and nothing is written', () => {
  const file = join(folder, 'mips.node')
  expect(compileBatch('mips', file, { root })).toContain('mips')
  expect(() => statSync(file)).toThrow('ENOENT')
})

const own = cpus.find(({ cpu }) => cpu === process.arch)
const musl = spawnSync('musl-gcc', ['--version']).status === 0
if (!musl) console.log('skipped: loading with musl, for want of musl-gcc (musl-tools)')

it.skipIf(!musl || !own || own.missing)('is loaded by musl too', () => {
  const host = join(folder, 'musl-host')
  const source = join(import.meta.dirname, 'musl-host.c')
  const include = join(root, 'module/platform/batch')
  execFileSync('musl-gcc', ['-Wall', '-rdynamic', '-I', include, '-o', host, source])
  expect(execFileSync(host, [own!.file], { encoding: 'utf8' }).trim()).toBe(NO_SUCH_DESCRIPTOR)
})

const sanitizer = spawnSync('gcc', ['-print-file-name=libasan.so'], { encoding: 'utf8' })
const sanitizes = sanitizer.status === 0 && sanitizer.stdout.trim().startsWith('/')
if (!sanitizes) console.log('skipped: the add-on under AddressSanitizer, for want of gcc')

it.skipIf(!sanitizes)(
  'any lengths, addresses, slots and datagrams leave its memory alone (AddressSanitizer)',
  () => {
    const fuzz = join(folder, 'fuzz')
    execFileSync('gcc', [
      ...['-std=c11', '-g', '-O1', '-Wall', '-Wextra', '-Werror'],
      ...['-fsanitize=address,undefined', '-fno-sanitize-recover=all'],
      '-DSYSTEM_CALL_HEADER="checked-call.h"',
      ...['-I', join(root, 'module/platform/batch'), '-I', import.meta.dirname, '-o', fuzz],
      join(root, 'module/platform/batch/batch.c'),
      join(import.meta.dirname, 'fuzz.c'),
    ])
    const rounds = process.env['SECURENET_FUZZ'] ?? '20000'
    const seed = process.env['SECURENET_SEED'] ?? String(Date.now())
    const { stdout, stderr } = spawnSync(fuzz, [rounds, seed], { encoding: 'utf8' })
    expect({ seed, stdout, stderr }).toEqual({ seed, stdout: `${rounds} rounds\n`, stderr: '' })
  },
  600_000,
)
