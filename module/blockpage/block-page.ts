import type { Category } from '../category.ts'
import type { Branding } from '../config/config.ts'
import { type DisplayName, displayName } from './display-name.ts'
import { type Document, shield } from './document.ts'
import { type Html, html } from './html.ts'
import type { Texts } from './locales/texts.ts'
import { categoryText } from './locales/texts-of.ts'

export interface BlockedVisit {
  readonly name: string
  readonly category: Category
  /** The listed name that matched: `name` or a parent of it. */
  readonly suffix: string
  readonly isTest: boolean
}

/** The configured address with the blanks filled in; nothing is sent before the reader opens it. */
export function reportUrl(branding: Branding, { name, category }: BlockedVisit): string {
  return branding.reportUrl
    .replaceAll('{name}', () => encodeURIComponent(name))
    .replaceAll('{category}', () => encodeURIComponent(category))
}

/** Labels isolated one by one: a right-to-left one must not change places with its neighbours (UAX 9 §4.3). */
function labelled(labels: readonly string[]): Html {
  const parts = labels.map((label, i) => {
    const dot = i < labels.length - 1 ? html`.` : null
    return html`<span class="label"><bdi>${label}</bdi>${dot}</span>`
  })
  return html`<bdi dir="ltr" translate="no">${parts}</bdi>`
}

/** @param name A-labels; breaks after a dot before it breaks anywhere else */
export function asciiName(name: string): Html {
  return labelled(name.split('.'))
}

function nameDetails(
  { unicode, imitating }: DisplayName,
  { name, suffix }: BlockedVisit,
  texts: Texts,
): Html {
  const { inOwnScript, imitation, listedAs } = texts.blocked
  return html`${unicode && html`<p class="soft">${inOwnScript} <b>${labelled(unicode)}</b></p>`}
${imitating ? html`<p class="soft">${imitation}</p>` : null}
${suffix === name ? null : html`<p class="soft">${listedAs} ${asciiName(suffix)}</p>`}`
}

export function blockPage(blocked: BlockedVisit, branding: Branding, texts: Texts): Document {
  const words = texts.blocked
  const { name, sentence } = categoryText(texts, blocked.category)
  const main = html`<div class="card">
<div class="state">${shield('bar')}
<h1>${words.heading}</h1></div>
<p class="name"><strong>${asciiName(blocked.name)}</strong></p>
${nameDetails(displayName(blocked.name), blocked, texts)}
<p class="lead"><strong>${name}.</strong> ${sentence}</p>
<p class="safe"><strong>${words.nothingLoaded}</strong> ${words.goBack}</p>
${blocked.isTest ? html`<p><strong>${words.testName}</strong></p>` : null}
</div>
<section>
<h2>${words.nowHeading}</h2>
<p>${words.forward(html`<a href="mailto:${texts.suspicious}">${texts.suspicious}</a>`)}</p>
</section>
<section>
<h2>${words.passwordHeading}</h2>
<ul>
<li>${words.password}</li>
<li>${words.bank(html`<a href="tel:+3278170170">078&nbsp;170&nbsp;170</a>`)}</li>
<li>${words.advice(html`<a href="${texts.safeonweb}" rel="noreferrer">Safeonweb</a>`)}</li>
</ul>
</section>
<section>
<h2>${words.mistakeHeading}</h2>
<p>${words.mistake}</p>
<p><a class="button" href="${reportUrl(branding, blocked)}" rel="noreferrer">${words.mistakeLink}</a></p>
</section>`
  return { texts, title: `${words.title}: ${blocked.name}`, main }
}
