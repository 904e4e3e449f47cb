/** Text that is safe to put into a document. Only `html` makes one, so nothing reaches a page unescaped. */
export class Html {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

const entities = new Map([
  ['&', '&amp;'],
  ['<', '&lt;'],
  ['>', '&gt;'],
  ['"', '&quot;'],
  ["'", '&#39;'],
])

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (c) => entities.get(c) ?? '')
}

export type HtmlValue = string | number | Html | readonly Html[] | null

function written(value: HtmlValue): string {
  if (value === null) return ''
  if (value instanceof Html) return value.text
  if (typeof value === 'object') return value.map((part) => part.text).join('')
  return escapeHtml(String(value))
}

/** Tagged template: each value is escaped unless it is `Html` already; null writes nothing. Attributes must be quoted. */
export function html(literal: TemplateStringsArray, ...values: HtmlValue[]): Html {
  let text = literal[0] ?? ''
  values.forEach((value, i) => {
    text += written(value) + (literal[i + 1] ?? '')
  })
  return new Html(text)
}
