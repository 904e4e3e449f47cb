import { weightOf } from './language.ts'

/** page: a person reads it. json: a program asked for it. nothing: part of another page, which must not get a document. */
export type ResponseKind = 'page' | 'json' | 'nothing'

export interface RequestHints {
  readonly method: string
  readonly path: string
  readonly accept: string | undefined
  readonly fetchDest: string | undefined
}

const documents = new Set(['document', 'iframe', 'frame', 'embed', 'object'])

const PART =
  /\.(?:avif|bmp|css|eot|gif|ico|jpe?g|js|m4[av]|map|mjs|mp[34]|ogg|otf|png|svg|ttf|wasm|wav|web[mp]|woff2?)$/i

interface Media {
  readonly page: number
  readonly json: number
  readonly part: number
}

/** Weights of what Accept names outright: a wildcard says nothing about what the client can use. */
function named(accept: string): Media {
  let [page, json, part] = [0, 0, 0]
  for (const item of accept.split(',', 32)) {
    const [type = '', ...parameters] = item.trim().toLowerCase().split(';')
    const weight = weightOf(parameters)
    if (/^(text\/html|application\/xhtml\+xml)\s*$/.test(type)) page = Math.max(page, weight)
    else if (/^application\/(json|[\w.-]+\+json)\s*$/.test(type)) json = Math.max(json, weight)
    else if (/^((image|audio|video|font)\/|text\/css|(text|application)\/(java|ecma)script)/.test(type))
      part = Math.max(part, weight)
  }
  return { page, json, part }
}

/**
 * Browsers send Sec-Fetch-Dest to trustworthy origins only, thus rarely over HTTP: Accept and the extension stand in for it.
 */
export function responseKindOf({ method, path, accept = '', fetchDest }: RequestHints): ResponseKind {
  const { page, json, part } = named(accept)
  if (json > page) return 'json'
  if (!['GET', 'HEAD', 'POST'].includes(method)) return 'nothing'
  if (fetchDest !== undefined) return documents.has(fetchDest) ? 'page' : 'nothing'
  if (page > 0) return 'page'
  return part > 0 || PART.test(path) ? 'nothing' : 'page'
}
