import type { Branding } from '../config/config.ts'
import { type Document, helpLinks, shield } from './document.ts'
import { type Html, html } from './html.ts'
import type { Texts } from './locales/texts.ts'
import { categoryText, reasonTexts } from './locales/texts-of.ts'
import { ageText, grouped, isClockTime, lately, moment } from './moment.ts'
import { asciiName } from './name.ts'
import type { ProtectionStatus } from './page-data.ts'
import { reportUrl } from './report-url.ts'
import { swatch, threatsOf, weekPicture } from './week.ts'

export interface StatusView {
  readonly status: ProtectionStatus
  /** Somebody else's name, not blocked (any more), that led here: said so, and the counters are not for its ears. */
  readonly strangeName: string | null
  /** The tab loads itself again, and then has the strange site. */
  readonly opensItself: boolean
  /** Wall clock, ms since 1970. */
  readonly now: number
}

/** Dangerous sites live for hours or days: a list of last week no longer protects well. */
export const OLD_LIST_SECONDS = 7 * 86_400

function isOutdated({ protecting, listAgeSeconds }: ProtectionStatus): boolean {
  return protecting && listAgeSeconds !== null && listAgeSeconds >= OLD_LIST_SECONDS
}

function week(texts: Texts, { days }: ProtectionStatus): Html {
  const rows = threatsOf(days)
  const total = rows.reduce((sum, [, count]) => sum + count, 0)
  const { weekHeading, weekNone, weekTotal, weekCategory, weekCount } = texts.status
  const body = rows.map(
    ([category, count]) =>
      html`<tr><th scope="row">${swatch(category)}${categoryText(texts, category).name}</th><td>${grouped(texts, count)}</td></tr>`,
  )
  return html`<section>
<h2>${weekHeading}</h2>
${
  total === 0
    ? html`<p>${weekNone}</p>`
    : html`<p class="total"><b>${grouped(texts, total)}</b> ${weekTotal(total)}</p>
${weekPicture(texts, days)}
<table><thead><tr><th scope="col">${weekCategory}</th><th scope="col">${weekCount}</th></tr></thead>
<tbody>${body}</tbody></table>`
}
</section>`
}

function unseen(texts: Texts, status: ProtectionStatus, now: number): Html | null {
  if (status.unseen === null || !isClockTime(status.unseen.last)) return null
  const { unseenHeading, unseenWhy, unseen: words } = texts.status
  const { count, last } = status.unseen
  return html`<section>
<h2>${unseenHeading}</h2>
<p>${unseenWhy}</p>
<p>${words(count, lately(texts, last, now))}</p>
</section>`
}

function list(texts: Texts, status: ProtectionStatus, now: number): Html {
  const { listVersion, listAgeSeconds, listCheckedAt } = status
  const words = texts.status
  const line =
    listVersion === null || listAgeSeconds === null
      ? words.listNone
      : words.list(String(listVersion), ageText(texts, listAgeSeconds))
  const checked = isClockTime(listCheckedAt)
    ? words.listChecked(ageText(texts, Math.max(0, (now - listCheckedAt) / 1000)))
    : null
  return html`<section>
<h2>${words.listHeading}</h2>
<p>${line} ${checked}</p>
</section>`
}

function tryIt(texts: Texts, { protecting, testNames }: ProtectionStatus): Html | null {
  const name = testNames.find((one) => one.startsWith('phishing.')) ?? testNames[0]
  if (!protecting || name === undefined) return null
  const { tryHeading, try: words } = texts.status
  return html`<section>
<p>${words}</p>
<p><a class="button" href="http://${name}/">${tryHeading}</a></p>
</section>`
}

function mistake(texts: Texts, branding: Branding): Html {
  const href = reportUrl(branding, { name: '', category: '' })
  return html`<section>
<h2>${texts.status.mistakeHeading}</h2>
<p>${texts.status.mistake}</p>
<p><a class="link" href="${href}" rel="noreferrer">${texts.blocked.mistakeLink}</a></p>
</section>`
}

function strange(texts: Texts, name: string, opensItself: boolean): Html {
  const { notBlocked, notBlockedSoon, notBlockedHeading } = texts.status
  const words = opensItself ? notBlockedSoon : notBlocked
  return html`<section>
<h2>${notBlockedHeading}</h2>
<p>${words(html`<strong>${asciiName(name)}</strong>`)}</p>
</section>`
}

/** Protected, protected by an old list, or not: a sign, a colour and words for each. */
function state(texts: Texts, status: ProtectionStatus, branding: Branding): Html {
  const words = texts.status
  const since = isClockTime(status.since)
    ? html`<p class="soft">${words.since(moment(texts, status.since))}</p>`
    : null
  if (status.protecting && !isOutdated(status))
    return html`<div class="card good">
<div class="state">${shield('tick')}
<h1>${words.protected}</h1></div>
<p class="lead">${words.protectedText(branding.service)}</p>
${since}
</div>`
  const { why, todo, needsHelp } = status.protecting
    ? {
        why: words.outdatedText(ageText(texts, status.listAgeSeconds ?? 0)),
        todo: words.todo.restart(branding.operator),
        needsHelp: true,
      }
    : reasonTexts(texts, status.why, branding.operator)
  return html`<div class="card warn">
<div class="state">${shield('warning')}
<h1>${status.protecting ? words.outdated : words.unprotected}</h1></div>
<p class="lead">${why}</p>
<p class="do">${todo}</p>
${needsHelp ? html`<p class="help">${helpLinks(branding, texts)}</p>` : null}
${since}
</div>`
}

export function statusPage(view: StatusView, branding: Branding, texts: Texts): Document {
  const { status, strangeName, opensItself, now } = view
  const figures = () =>
    html`${week(texts, status)}${unseen(texts, status, now)}${list(texts, status, now)}${tryIt(texts, status)}${mistake(texts, branding)}`
  const main = html`${state(texts, status, branding)}
${strangeName === null ? figures() : strange(texts, strangeName, opensItself)}`
  return { texts, title: texts.status.title(branding.service), main, protecting: status.protecting }
}
