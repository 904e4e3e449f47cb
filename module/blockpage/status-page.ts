import type { Branding } from '../config/config.ts'
import { asciiName } from './block-page.ts'
import { type Document, shield } from './document.ts'
import { type Html, html } from './html.ts'
import type { Texts } from './locales/texts.ts'
import { categoryText, reasonText } from './locales/texts-of.ts'
import type { ProtectionStatus } from './page-data.ts'

export interface StatusView {
  readonly status: ProtectionStatus
  /** Somebody else's name, not blocked (any more), that led here: said so, and the counters are not for its ears. */
  readonly strangeName: string | null
  /** The tab loads itself again, and then has the strange site. */
  readonly opensItself: boolean
}

/** Before this the clock of the modem was not set; a date then would be nonsense. */
const CLOCK_SET_AFTER = Date.UTC(2024, 0, 1)

/** Own tables instead of Intl: Node on a modem may come without ICU data, and then Intl speaks English only. */
function moment(texts: Texts, ms: number): Html {
  const at = new Date(ms)
  const time = `${String(at.getHours()).padStart(2, '0')}:${String(at.getMinutes()).padStart(2, '0')}`
  const words = texts.moment(at.getDate(), texts.months[at.getMonth()] ?? '', at.getFullYear(), time)
  return html`<time datetime="${at.toISOString()}">${words}</time>`
}

export function grouped(texts: Texts, count: number): string {
  return String(Math.trunc(count)).replace(/\B(?=(\d{3})+$)/g, texts.thousands)
}

export function ageText(texts: Texts, seconds: number): string {
  const { moments, minute, hour, day } = texts.age
  if (seconds < 60) return moments(0)
  if (seconds < 3600) return minute(Math.floor(seconds / 60))
  if (seconds < 86_400) return hour(Math.floor(seconds / 3600))
  return day(Math.floor(seconds / 86_400))
}

function week(texts: Texts, { stoppedThisWeek }: ProtectionStatus): Html {
  const rows = [...stoppedThisWeek]
    // A closed way round is no threat (docs/dns.md, Blocked).
    .filter(([category, count]) => count > 0 && category !== 'resolver-bypass')
    .sort(([, a], [, b]) => b - a)
  const total = rows.reduce((sum, [, count]) => sum + count, 0)
  const { weekHeading, weekNone, weekTotal, weekCategory, weekCount } = texts.status
  const body = rows.map(
    ([category, count]) =>
      html`<tr><th scope="row">${categoryText(texts, category).name}</th><td>${grouped(texts, count)}</td></tr>`,
  )
  return html`<section>
<h2>${weekHeading}</h2>
${
  total === 0
    ? html`<p>${weekNone}</p>`
    : html`<p class="total"><b>${grouped(texts, total)}</b> ${weekTotal(total)}</p>
<table><thead><tr><th scope="col">${weekCategory}</th><th scope="col">${weekCount}</th></tr></thead>
<tbody>${body}</tbody></table>`
}
</section>`
}

function list(texts: Texts, { listVersion, listAgeSeconds }: ProtectionStatus): Html {
  const { listHeading, listNone, list: words } = texts.status
  const line =
    listVersion === null || listAgeSeconds === null
      ? listNone
      : words(String(listVersion), ageText(texts, listAgeSeconds))
  return html`<section>
<h2>${listHeading}</h2>
<p>${line}</p>
</section>`
}

function tryIt(texts: Texts, { protecting, testNames }: ProtectionStatus): Html | null {
  if (!protecting || testNames.length === 0) return null
  const links = testNames.map((name) => html`<li><a href="http://${name}/">${asciiName(name)}</a></li>`)
  return html`<section>
<h2>${texts.status.tryHeading}</h2>
<p>${texts.status.try}</p>
<ul class="try">${links}</ul>
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

export function statusPage(view: StatusView, branding: Branding, texts: Texts): Document {
  const { status, strangeName, opensItself } = view
  const words = texts.status
  const since = status.since !== null && status.since > CLOCK_SET_AFTER ? status.since : null
  const main = html`<div class="card">
<div class="state">${shield(status.protecting ? 'tick' : 'bar')}
<h1>${status.protecting ? words.protected : words.unprotected}</h1></div>
<p class="lead">${status.protecting ? words.protectedText(branding.service) : reasonText(texts, status.why)}</p>
${since === null ? null : html`<p class="soft">${words.since(moment(texts, since))}</p>`}
</div>
${strangeName === null ? html`${week(texts, status)}${list(texts, status)}` : strange(texts, strangeName, opensItself)}
${tryIt(texts, status)}`
  return { texts, title: words.title(branding.service), main }
}
