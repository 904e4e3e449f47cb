import { type Html, html } from './html.ts'
import { registrableLabels } from './registrable.ts'

const RIGHT_TO_LEFT =
  /[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}\p{Script=Adlam}]/u

/**
 * Labels isolated one by one: one that runs the other way must not change places with its neighbours (UAX 9 §4.3).
 * @param last whether nothing follows
 */
function isolated(labels: readonly string[], last: boolean): Html[] {
  return labels.map((label, i) => html`<bdi>${label}</bdi>${last && i === labels.length - 1 ? null : '.'}`)
}

const unbroken = (part: Html) => html`<span class="label">${part}</span>`

/**
 * A name, with the part marked that someone has registered. It breaks after a dot before it breaks anywhere else; a
 * marked part that runs right to left is read wrongly once it is broken, and so stays on one line if one is long enough.
 * @param labels to be shown; as many as `name` has
 * @param name the same as A-labels
 */
export function shownName(labels: readonly string[], name: string): Html {
  const marked = registrableLabels(name)
  const others = isolated(labels.slice(0, -marked), false).map(unbroken)
  const own = isolated(labels.slice(-marked), true)
  const isOneRun = labels.slice(-marked).some((label) => RIGHT_TO_LEFT.test(label))
  return html`<bdi dir="ltr" translate="no">${others}<b>${isOneRun ? unbroken(html`${own}`) : own.map(unbroken)}</b></bdi>`
}

/** @param name A-labels */
export function asciiName(name: string): Html {
  return shownName(name.split('.'), name)
}
