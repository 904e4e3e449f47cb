import { constants } from 'node:os'
import { dirname, join } from 'node:path'
import { getSystemErrorName } from 'node:util'
import { codeOf, messageOf } from '../../base/error.ts'

/** Where things lie in a batch's memory, in octets (batch.h). */
export interface BatchLayout {
  readonly bytes: number
  /** Datagrams that one system call takes at most. */
  readonly slots: number
  readonly receiveBytes: number
  readonly sendBytes: number
  readonly addressBytes: number
  readonly receivedLengthsAt: number
  readonly sendLengthsAt: number
  readonly fromAt: number
  readonly toAt: number
  readonly receivedAt: number
  readonly sentAt: number
}

/** What batch.c can do; each call names its memory, of `layout.bytes` octets. Failures are negative errnos. */
export interface BatchAddon {
  readonly layout: BatchLayout
  /** @returns datagrams that are now in the first slots; -EAGAIN where none has arrived */
  receive(memory: ArrayBuffer, fd: number): number
  /** @returns datagrams that the kernel has taken from slot `first` on, at least 1, or why slot `first` was not sent */
  send(memory: ArrayBuffer, fd: number, first: number, end: number): number
}

/** @param program this program's own file */
export const addonBeside = (program: string): string => join(dirname(program), 'batch.node')

/** No descriptor: the kernel's answer tells whether it has the call, and whether this process may use it. */
const NO_FD = -1

/** A filter of system calls, or a kernel without them, says anything but that there is no such descriptor. */
function refusedCall({ layout, receive, send }: BatchAddon): string | null {
  const memory = new ArrayBuffer(layout.bytes)
  const results = { recvmmsg: receive(memory, NO_FD), sendmmsg: send(memory, NO_FD, 0, 1) }
  for (const [call, result] of Object.entries(results))
    if (result !== -constants.errno.EBADF) return `${call}: ${getSystemErrorName(result)}`
  return null
}

/**
 * @param file the add-on for this CPU
 * @param onUnavailable told why it cannot be used: missing, of another CPU, or its system calls are refused
 * @returns null where datagrams go one by one
 */
export function loadBatchAddon(file: string, onUnavailable: (why: string) => void): BatchAddon | null {
  const module = { exports: {} as BatchAddon }
  try {
    process.dlopen(module, file)
    const why = refusedCall(module.exports)
    if (why === null) return module.exports
    onUnavailable(why)
  } catch (error) {
    onUnavailable(codeOf(error) === 'ERR_DLOPEN_FAILED' ? messageOf(error) : String(error))
  }
  return null
}
