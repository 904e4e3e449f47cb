import type { Clock } from '../base/clock.ts'
import type { Matcher } from '../blocklist/matcher.ts'
import { RecentBlocks } from '../blockpage/recent-blocks.ts'
import { type Unseen, UnseenBlocks } from '../blockpage/unseen-blocks.ts'
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
  readonly #unseen: UnseenBlocks

  constructor(options: BlockedNamesOptions) {
    const { clock, sendNotice } = options
    this.#options = options
    this.#recent = new RecentBlocks(() => clock.monotonic())
    this.#notices = new Notices({ clock, send: sendNotice })
    this.#unseen = new UnseenBlocks(clock)
  }

  /** Nothing to do: names come from queries. */
  start(): void {}

  stop(): void {
    this.#notices.stop()
  }

  /** On the way of every block. */
  add(blocked: Query | BlockedName): void {
    const { reason, category } = blocked
    // A closed bypass is no threat that a person could be told of.
    if (category === RESOLVER_BYPASS || reason === 'resolver-bypass') return
    const name = nameOf(blocked)
    if (reason === 'blocked-target' || reason === 'blocked-upstream')
      this.#recent.add(name, categoryName(category))
    this.#unseen.blocked(name)
    const lineId = this.#options.noticedLine()
    if (lineId !== null) this.#notices.add({ lineId, name, category: categoryName(category) })
  }

  /** The page was asked for under this name. */
  asked(name: string): void {
    this.#unseen.asked(name)
  }

  /** What was stopped without the page. */
  get unseen(): Unseen | null {
    return this.#unseen.lastDay()
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
    this.#unseen.clear()
  }
}
