/** What the self-test tries: a question through each kind of socket, the page, and a forwarded name. */
export const selfTests = ['udp4', 'tcp4', 'udp6', 'tcp6', 'page', 'forward'] as const

/** `skipped`: this modem has no such address or page; `unknown`: not tried yet. */
export type SelfTestCell = 'pass' | 'fail' | 'skipped' | 'unknown'

export type SelfTestCells = Readonly<Record<(typeof selfTests)[number], SelfTestCell>>

/** The same in every cell. */
export const allCells = (cell: SelfTestCell): Record<(typeof selfTests)[number], SelfTestCell> =>
  Object.fromEntries(selfTests.map((name) => [name, cell])) as Record<
    (typeof selfTests)[number],
    SelfTestCell
  >
