// Preloaded into the built bundle: in its worker threads alone, does what a file tells, once.
const { isMainThread } = require('node:worker_threads')
const { readFileSync, rmSync } = require('node:fs')

if (!isMainThread) {
  const file = process.env.SECURENET_TEST_SABOTAGE
  const look = setInterval(() => {
    let order = ''
    try {
      order = readFileSync(file, 'utf8')
      rmSync(file)
    } catch {}
    if (order === 'throw') throw new Error('sabotaged')
    if (order === 'spin') for (;;);
  }, 20)
  look.unref()
}
