import { readFileSync } from 'node:fs'
import * as real from 'node:fs/promises'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { StateFile, type StateFs } from '../../module/platform/state-file.ts'

interface Value {
  n: number
}

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'securenet-state-'))
})
afterEach(() => rm(folder, { recursive: true }))

function parse(data: unknown): Value {
  if (typeof data === 'object' && data !== null && 'n' in data && typeof data.n === 'number')
    return { n: data.n }
  throw new Error('no n')
}
const fileAt = (fs?: StateFs, dir = folder) =>
  new StateFile<Value>({ folder: dir, name: 'x.state', parse, maxBytes: 4096, ...(fs && { fs }) })
const failure = (code: string) => Object.assign(new Error(code), { code })

/** node:fs whose n-th call fails and every later one too, as after a power cut; `torn` leaves half of a write. */
function faulty(failAt: number, code = 'EIO'): { fs: StateFs; calls: () => number; log: string[] } {
  let calls = 0
  const log: string[] = []
  const count = (name: string) => {
    log.push(name)
    if (++calls >= failAt) throw failure(code)
  }
  const fs: StateFs = {
    async mkdir(...args) {
      count('mkdir')
      return real.mkdir(...args)
    },
    async readFile(path) {
      return real.readFile(path)
    },
    readFileSync,
    async rename(...args) {
      count('rename')
      return real.rename(...args)
    },
    async rm(...args) {
      count('rm')
      return real.rm(...args)
    },
    async open(path, flags, mode) {
      count('open')
      const handle = await real.open(path, flags, mode)
      return {
        writeFile: async (text: any) => {
          try {
            count('write')
          } catch (error) {
            await handle.writeFile(String(text).slice(0, 70))
            throw error
          }
          return handle.writeFile(text)
        },
        sync: async () => {
          count('sync')
          return handle.sync()
        },
        close: () => handle.close(),
      } as any
    },
  }
  return { fs, calls: () => calls, log }
}

describe('StateFile', () => {
  it('gives back what was written, to the owner alone', async () => {
    const file = fileAt(undefined, join(folder, 'new', 'er'))
    expect(await file.read()).toEqual({ value: undefined, from: 'none' })
    await file.write({ n: 7 })
    expect(await file.read()).toEqual({ value: { n: 7 }, from: 'current' })
    expect((await stat(file.path)).mode & 0o777).toBe(0o600)
  })

  it('flushes the file before the rename and the folder after it', async () => {
    const { fs, log } = faulty(Infinity)
    await fileAt(fs).write({ n: 1 })
    expect(log).toEqual(['mkdir', 'open', 'write', 'sync', 'rename', 'open', 'sync'])
  })

  it('writes in the order of the calls, also when one fails', async () => {
    const file = fileAt()
    await Promise.all([1, 2, 3, 4].map((n) => file.write({ n })))
    expect((await file.read()).value).toEqual({ n: 4 })
  })

  it('leaves the old value or the new one wherever the power fails', async () => {
    const steps = faulty(Infinity)
    await fileAt().write({ n: 1 })
    await fileAt(steps.fs).write({ n: 2 })
    for (let at = 1; at <= steps.calls(); at++) {
      await rm(folder, { recursive: true })
      await fileAt().write({ n: 0 })
      await fileAt().write({ n: 1 })
      await expect(fileAt(faulty(at).fs).write({ n: 2 })).rejects.toMatchObject({ code: 'STATE_NOT_WRITTEN' })
      expect([1, 2], `fault at ${at}`).toContain((await fileAt().read()).value?.n)
      await fileAt().write({ n: 3 })
      expect((await fileAt().read()).value?.n).toBe(3)
    }
  })

  it.each(['ENOSPC', 'EDQUOT'])(
    'a full disk (%s): the last value stays and no rest is left',
    async (code) => {
      await fileAt().write({ n: 1 })
      const { fs } = faulty(Infinity)
      const full: StateFs = {
        ...fs,
        open: async (path, flags, mode) => ({
          ...(await fs.open(path, flags, mode)),
          writeFile: () => Promise.reject(failure(code)),
        }),
      }
      await expect(fileAt(full).write({ n: 2 })).rejects.toMatchObject({ code: 'STATE_DISK_FULL' })
      expect(await fileAt().read()).toEqual({ value: { n: 1 }, from: 'current' })
      expect(await readdir(folder)).toEqual(['x.state'])
    },
  )

  it('falls back to the generation before, and does not push it out by the damaged one', async () => {
    const file = fileAt()
    for (const n of [1, 2]) await file.write({ n })
    await writeFile(file.path, 'rubbish')
    expect(await file.read()).toEqual({ value: { n: 1 }, from: 'previous' })
    await file.write({ n: 3 })
    await writeFile(file.path, 'rubbish')
    expect(await file.read()).toEqual({ value: { n: 1 }, from: 'previous' })
  })

  it.each([
    ['wrong checksum', (text: string) => text.replace('"n":1', '"n":2')],
    ['cut off', (text: string) => text.slice(0, -1)],
    ['empty', () => ''],
    ['no header', (text: string) => text.slice(text.indexOf('\n') + 1)],
    ['too large', () => 'x'.repeat(5000)],
  ])('%s: STATE_DAMAGED where nothing else is left; set aside, it starts anew', async (_, spoil) => {
    const file = fileAt()
    await file.write({ n: 1 })
    await writeFile(file.path, spoil(await readFile(file.path, 'utf8')))
    await expect(file.read()).rejects.toMatchObject({ code: 'STATE_DAMAGED' })
    await file.setAside()
    expect(await file.read()).toEqual({ value: undefined, from: 'none' })
    expect(await readdir(folder)).toEqual(['x.state.damaged'])
  })

  it('is read in one go as well: the same value, the same generation, the same damage', async () => {
    const file = fileAt()
    const whatever = async () => {
      const later = await file.read().catch(({ code }) => code)
      try {
        expect(file.readSync()).toEqual(later)
      } catch (error) {
        expect(error).toMatchObject({ code: later })
      }
      return later
    }
    expect(await whatever()).toMatchObject({ from: 'none' })
    for (const n of [1, 2]) await file.write({ n })
    expect(await whatever()).toEqual({ value: { n: 2 }, from: 'current' })
    await writeFile(file.path, 'rubbish')
    expect(await whatever()).toEqual({ value: { n: 1 }, from: 'previous' })
    await writeFile(`${file.path}.bak`, 'rubbish')
    expect(await whatever()).toBe('STATE_DAMAGED')
  })

  it('without a generation before, leaves the old value or the new one wherever the power fails, and never none', async () => {
    const alone = (fs?: StateFs) =>
      new StateFile<Value>({ folder, name: 'x.state', parse, keepPrevious: false, ...(fs && { fs }) })
    const steps = faulty(Infinity)
    await alone().write({ n: 1 })
    await alone(steps.fs).write({ n: 2 })
    expect(await readdir(folder)).toEqual(['x.state'])
    for (let at = 1; at <= steps.calls(); at++) {
      await alone().write({ n: 1 })
      await expect(alone(faulty(at).fs).write({ n: 2 })).rejects.toMatchObject({ code: 'STATE_NOT_WRITTEN' })
      expect([1, 2], `fault at ${at}`).toContain((await alone().read()).value?.n)
    }
    await writeFile(join(folder, 'x.state'), 'rubbish')
    await expect(alone().read()).rejects.toMatchObject({ code: 'STATE_DAMAGED' })
  })

  it('a value of another version is damaged, whatever its checksum', async () => {
    await new StateFile({ folder, name: 'x.state', parse: (data) => data }).write({ other: true })
    await expect(fileAt().read()).rejects.toMatchObject({ code: 'STATE_DAMAGED' })
  })

  it('a flash that cannot be read falls back too; missing rights are said', async () => {
    for (const n of [1, 2]) await fileAt().write({ n })
    const { fs } = faulty(Infinity)
    const unreadable = (code: string): StateFs => ({
      ...fs,
      readFile: (path) => (path.endsWith('.bak') ? fs.readFile(path) : Promise.reject(failure(code))),
    })
    expect((await fileAt(unreadable('EIO')).read()).value).toEqual({ n: 1 })
    await expect(fileAt(unreadable('EACCES')).read()).rejects.toMatchObject({ code: 'STATE_NOT_READ' })
  })

  it('a changed byte anywhere never yields another value', async () => {
    const file = fileAt()
    await file.write({ n: 123456 })
    const good = await readFile(file.path)
    await fc.assert(
      fc.asyncProperty(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), async (at, xor) => {
        const bad = Buffer.from(good)
        bad[at] = bad[at]! ^ xor
        await writeFile(file.path, bad)
        await expect(file.read()).rejects.toMatchObject({ code: 'STATE_DAMAGED' })
      }),
      { numRuns: 150 },
    )
  })
})
