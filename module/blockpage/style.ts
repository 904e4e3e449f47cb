import { createHash } from 'node:crypto'
import { readable } from './colour.ts'

export interface Style {
  readonly css: string
  /** For Content-Security-Policy, without quotes: `sha256-...`. */
  readonly digest: string
}

const light = { page: '#f5f4f7', card: '#ffffff' }
const dark = { page: '#141218', card: '#1f1c25' }

const RULES = `
*,::before,::after{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0;background:var(--page);color:var(--text);font:1.0625rem/1.6 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue","Liberation Sans",Arial,sans-serif;border-top:.3125rem solid var(--accent)}
header,main,footer{max-width:42rem;margin:0 auto;padding:0 1.25rem}
header{display:flex;flex-wrap:wrap;align-items:center;justify-content:space-between;gap:.25rem 1rem;padding-top:.875rem;padding-bottom:.875rem}
.brand{display:flex;align-items:center;gap:.625rem;margin:0;font-weight:650}
.brand svg{width:1.75rem;height:1.75rem;color:var(--accent);flex:none}
.brand img{display:block;max-height:2rem;max-width:9rem;border-radius:.25rem}
nav ul{display:flex;flex-wrap:wrap;list-style:none;margin:0 -.5rem;padding:0;font-size:.875rem}
nav a{display:flex;align-items:center;min-height:2.75rem;padding:0 .5rem;color:var(--soft);text-decoration:none;overflow-wrap:normal;white-space:nowrap}
nav a:hover{text-decoration:underline}
nav a[aria-current]{color:var(--text);font-weight:650;text-decoration:underline;text-decoration-thickness:2px;text-underline-offset:.4em;text-decoration-color:var(--accent)}
section{margin:1.75rem 0 0}
.card{background:var(--card);border:1px solid var(--line);border-radius:1rem;padding:1.5rem 1.25rem;margin-top:.5rem}
h1{margin:0;font-size:clamp(1.5rem,1.2rem + 1.6vw,2rem);line-height:1.2;letter-spacing:-.015em;font-weight:700;text-wrap:balance}
h2{margin:0 0 .375rem;font-size:1.125rem;line-height:1.35;font-weight:650}
p{margin:.5rem 0 0}
ul{margin:.5rem 0 0;padding-left:1.25rem}
li{margin:.375rem 0}
li::marker{color:var(--accent)}
a{color:var(--accent);text-underline-offset:.15em;overflow-wrap:anywhere}
a:focus-visible{outline:3px solid var(--accent);outline-offset:2px;border-radius:.25rem}
bdi,.name{overflow-wrap:anywhere}
.label{display:inline-block;max-width:100%}
bdi b{font-weight:700;color:var(--text)}
.name{margin:1rem 0 0;padding:.75rem 1rem;border-left:.25rem solid var(--danger);border-radius:.25rem .5rem .5rem .25rem;background:var(--page);color:var(--soft);font-size:1.25rem;line-height:1.45}
.soft{color:var(--soft);font-size:.9375rem}
.lead{margin-top:1rem}
.do{margin-top:1rem;padding-top:1rem;border-top:1px solid var(--line);font-size:1.25rem;line-height:1.4;font-weight:700}
.warn .do{font-size:1.125rem}
.danger svg{color:var(--danger)}
.warn svg{color:var(--warn)}
details{margin-top:.75rem;border-bottom:1px solid var(--line);padding-bottom:.75rem}
.card+details{margin-top:1.5rem}
summary{min-height:2.75rem;display:list-item;padding:.5rem 0;font-weight:650;cursor:pointer}
summary::marker{color:var(--accent)}
summary:focus-visible{outline:3px solid var(--accent);outline-offset:2px;border-radius:.25rem}
details ul,details ol,details p{margin-top:.25rem}
ol{padding-left:1.25rem}
.link{display:inline-block;padding:.5rem 0;font-weight:650}
.help a{display:inline-block;padding:.25rem 0;font-weight:650}
.part{display:inline-block;max-width:100%}
.helpdesk{margin-top:1.25rem}
.week{display:block;overflow:visible;width:100%;max-width:26rem;margin:.75rem 0 0;color:var(--accent)}
.week text{fill:var(--text);font-size:13px;text-anchor:middle}
.swatch{width:1.125rem;height:1.125rem;margin-right:.625rem;vertical-align:-.2em;color:var(--accent)}
.state{display:flex;flex-wrap:wrap;align-items:center;gap:.5rem .875rem}
.state h1{flex:1 1 7em;min-width:0;overflow-wrap:break-word}
.state svg{width:2.75rem;height:2.75rem;margin-left:-.25rem;flex:none}
.good svg{color:var(--accent)}
.button{display:inline-flex;align-items:center;min-height:2.75rem;margin-top:.75rem;padding:.5rem 1.25rem;border:2px solid var(--accent);border-radius:.625rem;font-weight:650;text-decoration:none}
.button:hover{background:var(--accent);color:var(--on)}
.total{display:flex;align-items:baseline;gap:.5rem;margin:.25rem 0 0}
.total b{font-size:2.25rem;line-height:1.2;letter-spacing:-.02em}
table{width:100%;border-collapse:collapse;margin-top:.5rem}
th,td{padding:.5rem 0;border-top:1px solid var(--line);text-align:left;font-weight:400}
td{text-align:right;font-variant-numeric:tabular-nums;font-weight:650}
thead th{color:var(--soft);font-size:.9375rem;border-top:0}
th+th{text-align:right}
footer{margin-top:2rem;padding-bottom:2.5rem}
footer>div{border-top:1px solid var(--line);padding-top:1.25rem}
footer h2{font-size:1rem}
footer p{color:var(--soft);font-size:.9375rem}
footer a{display:inline-block;padding:.25rem 0}
@media(min-width:40rem){.card{padding:2rem}header{padding-top:1.25rem}section{margin-top:2rem}}
@media print{body{background:#fff;color:#000;font-size:11pt;border:0}nav{display:none}header,main,footer{max-width:none;padding-left:0;padding-right:0}.card{border:0;padding:0}.name{background:none;border-color:#000}section,details,footer{break-inside:avoid;margin-top:.75rem}details::details-content{content-visibility:visible}summary{list-style:none;min-height:0;padding:0}a{color:#000}footer p,.soft{color:#000}main a[href^=https]::after,footer a[href^=https]::after{content:" (" attr(href) ")";font-weight:400;overflow-wrap:anywhere}.button{border:0;padding:0;min-height:0;text-decoration:underline;display:inline}}
`

/**
 * @param colour the operator's, `#rrggbb`; in each scheme it is moved as far as 4.5:1 (WCAG 2.2 §1.4.3) asks, as text and as
 *   a surface under text
 */
export function createStyle(colour: string): Style {
  const onLight = readable(colour, '#000000', [light.page, light.card], 4.5)
  const onDark = readable(colour, '#ffffff', [dark.page, dark.card], 6)
  const scheme = (
    page: string,
    card: string,
    text: string,
    soft: string,
    line: string,
    accent: string,
    on: string,
    danger: string,
    warn: string,
  ) =>
    `--page:${page};--card:${card};--text:${text};--soft:${soft};--line:${line};--accent:${accent};--on:${on};--danger:${danger};--warn:${warn}`
  const css = `:root{color-scheme:light dark;${scheme(light.page, light.card, '#1d1a22', '#57525f', '#dedbe3', onLight, '#ffffff', '#b3261e', '#8a5000')}}
@media(prefers-color-scheme:dark){:root{${scheme(dark.page, dark.card, '#f1eff4', '#b9b3c2', '#3a3543', onDark, dark.page, '#ff8a80', '#ffb95c')}}.brand img{background:#fff;padding:.25rem}}
@media print{:root{${scheme('#ffffff', '#ffffff', '#000000', '#000000', '#999999', '#000000', '#ffffff', '#000000', '#000000')}}}${RULES}`
  return { css, digest: `sha256-${createHash('sha256').update(css).digest('base64')}` }
}
