import { type ChildProcess, spawn } from 'node:child_process'

/**
 * Reads process numbers from stdin. When stdin ends (the household has died, be it by SIGKILL) it stops the last one it
 * was told. A shell of its own process group: Ctrl-C does not reach it, and it needs a megabyte, not a Node.
 */
const SCRIPT = `
trap '' INT TERM HUP
last=0
while read -r pid; do last=$pid; done
[ "$last" -gt 0 ] && kill -TERM "$last" 2>/dev/null || exit 0
for _ in 1 2 3 4 5 6; do sleep 0.5; kill -0 "$last" 2>/dev/null || exit 0; done
kill -KILL "$last" 2>/dev/null
`

/** Sees to it that no module outlives a household that was killed; the module itself knows nothing of it. */
export class Guardian {
  #shell: ChildProcess | undefined

  start(): void {
    const shell = spawn('/bin/sh', ['-c', SCRIPT, 'securenet-guardian'], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    })
    // Without a shell the household still stops its module itself; only a SIGKILL would leave it running.
    shell.on('error', () => {})
    shell.stdin?.on('error', () => {})
    shell.unref()
    this.#shell = shell
  }

  /** @param pid of the module that runs now; 0 for none */
  watch(pid: number): void {
    this.#shell?.stdin?.write(`${pid}\n`)
  }

  async stop(): Promise<void> {
    const shell = this.#shell
    if (!shell || shell.exitCode !== null) return
    const gone = new Promise<void>((resolve) => shell.once('exit', () => resolve()))
    shell.stdin?.end('0\n')
    await gone
  }
}
