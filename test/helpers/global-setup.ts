import { delimiter, resolve } from 'node:path'
import { shellObeysPath, unpackBusybox } from '../../scripts/path-busybox.ts'

/** Before all tests: PATH leads to the tools that they rely on, whatever else is installed. */
export function setup(): void {
  const path = [process.env['PATH'], '/usr/sbin', '/sbin'].join(delimiter)
  process.env['PATH'] = path
  if (shellObeysPath(path)) return
  const allowed = process.env['SECURENET_TEST_INSTALL'] !== '0'
  const folder = allowed ? unpackBusybox(resolve('dist', 'test', 'busybox')) : null
  if (folder) process.env['PATH'] = `${folder}${delimiter}${path}`
  else console.log('no busybox whose shell runs the programs of PATH: apt-get install busybox')
}
