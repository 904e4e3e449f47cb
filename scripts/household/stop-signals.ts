const PARENT_CHECK_MS = 500

/**
 * Calls `stop` once, when somebody wants the household to end: Ctrl-C, a service manager, a closed terminal, or the end
 * of the npm that started it (npm does not always pass a signal on through its shell).
 */
export function onStopWanted(stop: (why: string) => void): void {
  let wanted = false
  const once = (why: string) => {
    if (wanted) return
    wanted = true
    stop(why)
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => once(signal))
  if (process.env['npm_lifecycle_event'] === undefined) return
  const parent = process.ppid
  const timer = setInterval(() => {
    if (process.ppid !== parent) once('the end of npm')
  }, PARENT_CHECK_MS)
  timer.unref()
}
