// How long the tests wait before they give up. Each limit is there to end what is stuck, and proves nothing:
// on a quiet machine each is tens of times what is needed, so that a slow or busy machine passes as well.
// No test has a limit of its own; how fast the module is, the bench says.

/** One event that a test waits for: a line, an answer, a process that ends. Shorter than a test: its message says more. */
export const waitLimitMs = 90_000

/** One test. */
export const testLimitMs = 240_000

/** What is set up or taken down around tests. */
export const hookLimitMs = 480_000

/** One test that does real things hundreds of times: kills, power cuts, full disks, fuzz. */
export const longTestLimitMs = 1_800_000
