import { messageOf, SecureNetError } from '../../base/error.ts'
import { schemaViolation } from '../../base/schema-error.ts'
import { validate as validateRoots } from '../schemas/roots.json?compiled'
import { checkKeySet } from './keys.ts'
import type { RootsFile } from './kinds.ts'

/**
 * @param text content of the roots file in the firmware
 * @throws SecureNetError ROOTS_INVALID
 */
export function parseRootsFile(text: string): RootsFile {
  try {
    const data: unknown = JSON.parse(text)
    if (!validateRoots(data)) throw new Error(schemaViolation(validateRoots.errors))
    const file = data as RootsFile
    checkKeySet('roots', file.roots)
    return file
  } catch (error) {
    throw new SecureNetError(
      'ROOTS_INVALID',
      `the roots file cannot be used: ${messageOf(error)}`,
      'Install the operator’s roots file again; without it the module obeys nobody.',
      { cause: error },
    )
  }
}
