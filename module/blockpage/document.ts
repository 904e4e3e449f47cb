import type { Branding } from '../config/config.ts'
import { Html, html } from './html.ts'
import { languages } from './language.ts'
import type { Texts } from './locales/texts.ts'
import { textsOf } from './locales/texts-of.ts'
import type { Style } from './style.ts'

const SHIELD = 'M12 2 4 5v6c0 5 3.4 9.4 8 11 4.6-1.6 8-6 8-11V5z'

const marks = { tick: 'm8 12 3 3 5-6', bar: 'M8 12h8', warning: 'M12 7v6m0 3.5v.01', none: '' }

/** A shield with a sign; decoration, so hidden from screen readers. */
export function shield(mark: keyof typeof marks): Html {
  const line = marks[mark]
  return html`<svg viewBox="0 0 24 24" width="28" height="28" aria-hidden="true"><path fill="currentColor" d="${SHIELD}"/><path fill="none" stroke="var(--card,#fff)" stroke-width="2" stroke-linecap="round" stroke-linejoin="round" d="${line}"/></svg>`
}

/** In the document, so that no browser asks the blocked host for /favicon.ico. */
function icon(colour: string): string {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><path fill="${colour}" d="${SHIELD}"/></svg>`
  return `data:image/svg+xml;base64,${Buffer.from(svg).toString('base64')}`
}

/** Where the operator helps, on the web and by phone. */
export function helpLinks({ operator, phone, helpUrl }: Branding, texts: Texts): Html {
  const call =
    phone === ''
      ? null
      : html` · <a href="tel:${phone.replace(/[^\d+]/g, '')}">${phone.replaceAll(' ', '\u00a0')}</a>`
  return html`<a href="${helpUrl}" rel="noreferrer">${texts.about.help(operator)}</a>${call}`
}

function about(branding: Branding, texts: Texts, protecting: boolean): Html {
  const { service } = branding
  const { heading, protects, wouldProtect, limits } = texts.about
  return html`<footer><div>
<h2>${heading(service)}</h2>
<p>${(protecting ? protects : wouldProtect)(service)}</p>
<p>${limits(service)}</p>
<p>${helpLinks(branding, texts)}</p>
</div></footer>`
}

export interface Document {
  readonly texts: Texts
  readonly title: string
  readonly main: Html
  /** What is said about the service must not contradict it. */
  readonly protecting: boolean
}

/** What every page shares. The parts that depend on nothing but the language are made once. */
export function createDocument(branding: Branding, style: Style): (document: Document) => string {
  const logo = branding.logo ? html`<img src="${branding.logo}" alt="${branding.operator}">` : shield('none')
  const head = html`<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<link rel="icon" href="${icon(branding.colour)}">
<style>${new Html(style.css)}</style>`
  const frames = new Map(
    languages.map((language) => {
      const texts = textsOf(language)
      // Relative, so that it leads to the same blocked address whatever its path, and nothing of that is written here.
      const links = languages.map(
        (other) =>
          html`<li><a href="?lang=${other}" hreflang="${other}" lang="${other}"${other === language ? html` aria-current="true"` : null}>${textsOf(other).self}</a></li>`,
      )
      const top = html`<header><p class="brand">${logo}<span>${branding.service}</span></p>
<nav aria-label="${texts.chooseLanguage}"><ul>${links}</ul></nav></header>`
      const bottom = { on: about(branding, texts, true), off: about(branding, texts, false) }
      return [language, { top, bottom }]
    }),
  )
  return ({ texts, title, main, protecting }) => {
    const frame = frames.get(texts.language)
    return html`<!DOCTYPE html>
<html lang="${texts.language}">
<head>
<meta charset="utf-8">
<title>${title}</title>
${head}
</head>
<body>
${frame?.top ?? null}
<main>
${main}
</main>
${frame?.bottom[protecting ? 'on' : 'off'] ?? null}
</body>
</html>
`.text
  }
}
