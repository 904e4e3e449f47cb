import type { Branding } from '../config/config.ts'
import { type BlockedVisit, blockPage } from './block-page.ts'
import { createDocument, type Document } from './document.ts'
import { pageHeaders } from './headers.ts'
import { chosen, type Language, negotiate } from './language.ts'
import { textsOf } from './locales/texts-of.ts'
import { type PageData, type ProtectionStatus, weekOf } from './page-data.ts'
import { reportUrl } from './report-url.ts'
import { type ResponseKind, responseKindOf } from './response-kind.ts'
import { statusPage } from './status-page.ts'
import { createStyle } from './style.ts'
import { isLocalName, parseTarget, type RawRequest, type RequestTarget } from './target.ts'

export interface PageRequest extends RawRequest {
  readonly method: string
  readonly accept: string | undefined
  readonly acceptLanguage: string | undefined
  readonly fetchDest: string | undefined
}

export interface PageResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export interface ResponderOptions {
  readonly branding: Branding
  readonly data: PageData
  /** Wall clock, ms since 1970. */
  readonly now: () => number
  /** Names of the page itself, such as the operator's `securenet.example`: they get the status page with its figures. */
  readonly ownNames?: readonly string[]
}

const RELOAD_AGAIN_SECONDS = 5
/** What still leads here after so long does so for another reason. */
const RELOAD_FOR_SECONDS = 90

const DAY_MS = 86_400_000

const timeText = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString())

/** @param day since 1970-01-01 */
const dateText = (day: number) => new Date(day * DAY_MS).toISOString().slice(0, 10)

function statusJson(status: ProtectionStatus, strangeName: string | null): object {
  const { protecting, why, since, listVersion, listAgeSeconds, listCheckedAt, days, unseen, testNames } =
    status
  const state = {
    blocked: false,
    protecting,
    why,
    since: timeText(since),
  }
  if (strangeName !== null) return { ...state, name: strangeName }
  return {
    ...state,
    list: { version: listVersion, ageSeconds: listAgeSeconds, checked: timeText(listCheckedAt) },
    stoppedThisWeek: Object.fromEntries(weekOf(days)),
    stoppedByDay: Object.fromEntries(
      days.map(({ day, stopped }) => [dateText(day), Object.fromEntries(stopped)]),
    ),
    stoppedWithoutPage: unseen && { count: unseen.count, last: timeText(unseen.last) },
    testNames,
  }
}

/**
 * Chromium and Firefox keep an address for 60 s, whatever its TTL (docs/what-shows.md). Until they have forgotten it, the
 * passthrough leads them on to a name that is no longer blocked (module/passthrough); the tab that has this page because the
 * true site could not be reached tries again by itself.
 * @returns seconds until the tab loads itself again, or null where it shall not
 */
export function reloadSeconds({ protecting, since }: ProtectionStatus, now: number): number | null {
  if (protecting || since === null) return null
  const elapsed = Math.floor((now - since) / 1000)
  return elapsed < 0 || elapsed > RELOAD_FOR_SECONDS ? null : RELOAD_AGAIN_SECONDS
}

/** Every response carries these. */
type Fixed = Readonly<Record<string, string>>

const empty = (fixed: Fixed, status: number, more: Record<string, string> = {}): PageResponse => ({
  status,
  headers: { ...fixed, ...more },
  body: '',
})

const json = (fixed: Fixed, status: number, value: object): PageResponse => ({
  status,
  headers: { ...fixed, 'Content-Type': 'application/json', Vary: 'Accept, Sec-Fetch-Dest' },
  body: `${JSON.stringify(value)}\n`,
})

/** What a request gets: a function of the request and of what `data` says, without a socket or a clock. */
class Responder {
  readonly #options: ResponderOptions
  readonly #render: (document: Document) => string
  readonly #fixed: Fixed
  readonly #own: ReadonlySet<string>

  constructor(options: ResponderOptions) {
    const style = createStyle(options.branding.colour)
    this.#options = options
    this.#render = createDocument(options.branding, style)
    this.#fixed = pageHeaders(style.digest)
    this.#own = new Set(options.ownNames)
  }

  respond(request: PageRequest): PageResponse {
    const target = parseTarget(request)
    if (!target) return empty(this.#fixed, 400)
    const { host } = target
    const response = this.#answer(request, target)
    if (host.kind !== 'name' || this.#own.has(host.name)) return response
    // A browser keeps a connection by name: who reloads often enough would never see that the name leads elsewhere again.
    return { ...response, headers: { ...response.headers, Connection: 'close' } }
  }

  #answer(request: PageRequest, target: RequestTarget): PageResponse {
    const { data } = this.#options
    const language = chosen(target.query) ?? negotiate(request.acceptLanguage)
    const kind = responseKindOf({ ...request, path: target.path })
    const { host } = target
    const hit = host.kind === 'name' && !this.#own.has(host.name) ? data.blockedAs(host.name) : null
    if (hit === null || host.kind !== 'name') return this.#answerStatus(request, target, kind, language)
    data.asked(host.name)
    const status = data.status()
    const isTest = status.testNames.includes(host.name)
    const visit = { name: host.name, ...hit, isTest, status, now: this.#options.now() }
    return this.#answerBlocked(visit, kind, language)
  }

  #answerBlocked(blocked: BlockedVisit, kind: ResponseKind, language: Language): PageResponse {
    const { branding } = this.#options
    if (kind === 'nothing') return empty(this.#fixed, 403)
    if (kind === 'page') return this.#page(403, language, blockPage(blocked, branding, textsOf(language)))
    const { name, category, suffix: listed } = blocked
    const { service, helpUrl } = branding
    const content = { name, category, listed, service, helpUrl, reportUrl: reportUrl(branding, blocked) }
    return json(this.#fixed, 403, { blocked: true, ...content })
  }

  #answerStatus(
    request: PageRequest,
    { host }: RequestTarget,
    kind: ResponseKind,
    language: Language,
  ): PageResponse {
    const { data, branding, now } = this.#options
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return empty(this.#fixed, 405, { Allow: 'GET, HEAD' })
    if (kind === 'nothing') return empty(this.#fixed, 404)
    // Its script, if it has one, would share our origin and read the counters of this household (DNS rebinding).
    const strangeName =
      host.kind === 'name' && !this.#own.has(host.name) && !isLocalName(host.name) ? host.name : null
    const status = data.status()
    if (kind === 'json') return json(this.#fixed, 200, statusJson(status, strangeName))
    const at = now()
    const reload = strangeName === null ? null : reloadSeconds(status, at)
    const view = { status, strangeName, opensItself: reload !== null, now: at }
    const response = this.#page(200, language, statusPage(view, branding, textsOf(language)))
    if (reload === null) return response
    return { ...response, headers: { ...response.headers, Refresh: String(reload) } }
  }

  #page(status: number, language: Language, document: Document): PageResponse {
    return {
      status,
      headers: {
        ...this.#fixed,
        'Content-Type': 'text/html; charset=utf-8',
        'Content-Language': language,
        Vary: 'Accept, Accept-Language, Sec-Fetch-Dest',
      },
      body: this.#render(document),
    }
  }
}

export function createResponder(options: ResponderOptions): (request: PageRequest) => PageResponse {
  const responder = new Responder(options)
  return (request) => responder.respond(request)
}
