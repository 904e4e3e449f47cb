import { spawn as nodeSpawn } from 'node:child_process'
import { SecureNetError } from '../base/error.ts'

export interface CommandResult {
  /** Exit code; null where a signal ended it. */
  code: number | null
  stdout: string
  stderr: string
}

export interface RunOptions {
  stdin?: string
  /** Killed with SIGKILL after so many ms; 5,000 where left out. */
  timeoutMs?: number
  /** Bytes of output kept at most; more ends the child. 1 MiB where left out. */
  maxBytes?: number
  /** Ends the child with SIGKILL. */
  signal?: AbortSignal
}

/**
 * Runs one of the modem's own tools: an argument vector, never a shell. Resolves whatever the exit code is, and only
 * once the child is gone, so that nothing it does can come after.
 * @throws SecureNetError SPAWN_NOT_FOUND, SPAWN_FAILED, SPAWN_TIMEOUT, SPAWN_OUTPUT, SPAWN_ABORTED
 */
export type RunCommand = (
  argv: readonly [string, ...string[]],
  options?: RunOptions,
) => Promise<CommandResult>

function whyNot(tool: string, error: NodeJS.ErrnoException): SecureNetError {
  if (error.code === 'ENOENT')
    return new SecureNetError('SPAWN_NOT_FOUND', `${tool} is not installed or not in PATH`, 'install it', {
      cause: error,
    })
  return new SecureNetError('SPAWN_FAILED', `${tool} could not be started: ${error.message}`, '', {
    cause: error,
  })
}

export const run: RunCommand = (argv, options = {}) =>
  new Promise((resolve, reject) => {
    const { stdin = '', timeoutMs = 5000, maxBytes = 1 << 20, signal } = options
    const [tool, ...args] = argv
    if (signal?.aborted) {
      reject(new SecureNetError('SPAWN_ABORTED', `${tool} was not started: given up before`))
      return
    }
    const child = nodeSpawn(tool, args, { shell: false, stdio: ['pipe', 'pipe', 'pipe'], windowsHide: true })
    let failure: SecureNetError | undefined
    const end = (why: SecureNetError) => {
      failure ??= why
      child.kill('SIGKILL')
    }
    const aborted = () => end(new SecureNetError('SPAWN_ABORTED', `${tool} was ended: no longer wanted`))
    const timer = setTimeout(
      () => end(new SecureNetError('SPAWN_TIMEOUT', `${tool} took more than ${timeoutMs} ms`)),
      timeoutMs,
    )
    signal?.addEventListener('abort', aborted, { once: true })

    let bytes = 0
    const collect = (chunks: Buffer[]) => (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > maxBytes)
        end(new SecureNetError('SPAWN_OUTPUT', `${tool} wrote more than ${maxBytes} bytes`))
      else chunks.push(chunk)
    }
    const out: Buffer[] = []
    const err: Buffer[] = []
    child.stdout.on('data', collect(out))
    child.stderr.on('data', collect(err))
    // A child that does not read its input closes the pipe: its exit code says the rest.
    child.stdin.on('error', () => {})
    child.stdin.end(stdin)
    child.on('error', (error) => {
      failure ??= whyNot(tool, error)
    })
    child.on('close', (code) => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', aborted)
      if (failure) reject(failure)
      else resolve({ code, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() })
    })
  })
