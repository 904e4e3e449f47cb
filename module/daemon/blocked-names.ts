import type { Clock } from '../base/clock.ts'
import type { Matcher } from '../blocklist/matcher.ts'
import { RecentBlocks } from '../blockpage/recent-blocks.ts'
import { type Category, categoryName, RESOLVER_BYPASS } from '../category.ts'
import { nameFromText, nameToText } from '../dns/name.ts'
import { Question } from '../dns/question.ts'
import type { Query } from '../query/query.ts'
import { type Notice, Notices } from '../telemetry/notices.ts'
import type { BlockedName } from '../threads/messages.ts'

export interface BlockedNamesOptions {
  readonly clock: Clock
  readonly matcher: Pick<Matcher, 'explain'>
  /** The line that carries the traffic, if its order asks for notices. */
  readonly noticedLine: () => string | null
  readonly sendNotice: (notice: Notice) => void
}

/** Of a query that has its answer now, `Question.name` is the name until the next is read. */
function nameOf(blocked: Query | BlockedName): string {
  return 'name' in blocked ? blocked.name : nameToText(Question.name.subarray(0, blocked.nameLength))
}

/** Names that were blocked for a client: for the page, and for notices. In memory alone. */
export class BlockedNames {
  readonly #options: BlockedNamesOptions
  readonly #recent: RecentBlocks
  readonly #notices: Notices

  constructor(options: BlockedNamesOptions) {
    const { clock, sendNotice } = options
    this.#options = options
    this.#recent = new RecentBlocks(() => clock.monotonic())
    this.#notices = new Notices({ clock, send: sendNotice })
  }

  /** Nothing to do: names come from queries. */
  start(): void {}

  stop(): void {
    this.#notices.stop()
  }

  /** On the way of every block: the name is made into text only where it is needed. */
  add(blocked: Query | BlockedName): void {
    const { reason, category } = blocked
    if (reason === 'blocked-target' || reason === 'blocked-upstream')
      this.#recent.add(nameOf(blocked), categoryName(category))
    // A closed bypass is no threat that a person could be told of.
    if (category === RESOLVER_BYPASS || reason === 'resolver-bypass') return
    const lineId = this.#options.noticedLine()
    if (lineId !== null)
      this.#notices.add({ lineId, name: nameOf(blocked), category: categoryName(category) })
  }

  /** As what a name is blocked while filtering is on: by the list, or for where it led within the last hour. */
  blockedAs(name: string): { category: Category; suffix: string } | null {
    const wire = nameFromText(name)
    if (!wire) return null
    const { listed, category, suffix = name } = this.#options.matcher.explain(wire, 0)
    if (listed && category !== undefined) return { category, suffix }
    const recent = this.#recent.categoryOf(name)
    return recent && { category: recent, suffix: name }
  }

  wipe(): void {
    this.#notices.stop()
    this.#recent.clear()
  }
}
