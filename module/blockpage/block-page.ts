import type { Category } from '../category.ts'
import type { Branding } from '../config/config.ts'
import { type DisplayName, displayName } from './display-name.ts'
import { type Document, shield } from './document.ts'
import { type Html, html } from './html.ts'
import type { KnownCategory, Texts } from './locales/texts.ts'
import { categoryText, knownCategory } from './locales/texts-of.ts'
import { isClockTime, moment } from './moment.ts'
import { asciiName, shownName } from './name.ts'
import type { ProtectionStatus } from './page-data.ts'
import { reportUrl } from './report-url.ts'

export interface BlockedVisit {
  readonly name: string
  readonly category: Category
  /** The listed name that matched: `name` or a parent of it. */
  readonly suffix: string
  readonly isTest: boolean
  readonly status: Pick<ProtectionStatus, 'protecting' | 'modem' | 'listVersion'>
  /** Wall clock, ms since 1970. */
  readonly now: number
}

type Advice = 'entered' | 'infected' | 'message'

/** What a reader may have to do beyond leaving, by what the site does. */
const adviceOf: Readonly<Record<KnownCategory, readonly Advice[]>> = {
  phishing: ['entered', 'message'],
  scam: ['entered', 'message'],
  malware: ['infected', 'message'],
  botnet: ['infected'],
  cryptojacking: ['message'],
  'resolver-bypass': [],
  // Another filter's block says nothing about the site.
  blocked: [],
  other: ['message'],
}

/** Folded, without script; a printer unfolds it. */
function folded(heading: string, content: Html): Html {
  return html`<details>
<summary>${heading}</summary>
${content}
</details>`
}

function safeonweb({ blocked, safeonweb: href }: Texts): Html {
  return html`<li>${blocked.advice(html`<a href="${href}" rel="noreferrer">Safeonweb</a>`)}</li>`
}

const sections: Readonly<Record<Advice, (texts: Texts) => Html>> = {
  entered: (texts) => {
    const { enteredHeading, password, bank, police } = texts.blocked
    return folded(
      enteredHeading,
      html`<ul>
<li>${password}</li>
<li>${bank(html`<a href="tel:+3278170170">078&nbsp;170&nbsp;170</a>`)}</li>
<li>${police}</li>
${safeonweb(texts)}
</ul>`,
    )
  },
  infected: (texts) => {
    const { infectedHeading, infected } = texts.blocked
    const steps = infected.map((step) => html`<li>${step}</li>`)
    return folded(infectedHeading, html`<ol>${steps}${safeonweb(texts)}</ol>`)
  },
  message: (texts) => {
    const { messageHeading, forward } = texts.blocked
    const address = html`<a href="mailto:${texts.suspicious}">${texts.suspicious}</a>`
    return folded(messageHeading, html`<p>${forward(address)}</p>`)
  },
}

function nameDetails(
  { unicode, imitating }: DisplayName,
  { name, suffix }: BlockedVisit,
  texts: Texts,
): Html {
  const { inOwnScript, imitation, listedAs } = texts.blocked
  return html`${unicode && html`<p class="soft">${inOwnScript} ${shownName(unicode, name)}</p>`}
${imitating ? html`<p class="soft">${imitation}</p>` : null}
${suffix === name ? null : html`<p class="soft">${listedAs} ${asciiName(suffix)}</p>`}`
}

function mistake(texts: Texts, branding: Branding, blocked: BlockedVisit): Html {
  const { mistakeHeading, mistake: words, mistakeLink } = texts.blocked
  return folded(
    mistakeHeading,
    html`<p>${words}</p>
<p><a class="link" href="${reportUrl(branding, blocked)}" rel="noreferrer">${mistakeLink}</a></p>`,
  )
}

/** One line that can be read over the phone; the category as the helpdesk knows it. */
function helpdesk(texts: Texts, { category, status, now }: BlockedVisit): Html {
  const { helpdesk: label, helpdeskModem, helpdeskList } = texts.blocked
  const parts = [
    ...(isClockTime(now) ? [moment(texts, now)] : []),
    html`${helpdeskModem(status.modem)}`,
    ...(status.listVersion === null ? [] : [html`${helpdeskList(String(status.listVersion))}`]),
    html`<span translate="no">${category}</span>`,
  ]
  const line = parts.map(
    (part, i) => html` <span class="part">${part}${i < parts.length - 1 ? ' ·' : null}</span>`,
  )
  return html`<p class="soft helpdesk"><b>${label}</b>${line}</p>`
}

export function blockPage(blocked: BlockedVisit, branding: Branding, texts: Texts): Document {
  const words = texts.blocked
  const { name, sentence } = categoryText(texts, blocked.category)
  const known = knownCategory(blocked.category)
  const advice = adviceOf[known].map((one) => sections[one](texts))
  const main = html`<div class="card danger">
<div class="state">${shield('bar')}
<h1>${words.heading}</h1></div>
<p class="name">${asciiName(blocked.name)}</p>
${nameDetails(displayName(blocked.name), blocked, texts)}
${blocked.isTest ? html`<p class="test"><strong>${words.testName}</strong></p>` : null}
<p class="lead"><strong>${name}.</strong> ${sentence}</p>
<p class="do">${known === 'botnet' ? words.haveChecked : words.goBack}</p>
<p>${words.nothingLoaded}</p>
</div>
${advice}
${mistake(texts, branding, blocked)}
${helpdesk(texts, blocked)}`
  return {
    texts,
    title: `${words.title}: ${blocked.name}`,
    main,
    protecting: blocked.status.protecting,
  }
}
