const token = /"(?:[^"\\]|\\.)*"|[{}[\]:,]/gs

/** In well-formed JSON: does any object name a member twice? (RFC 8259 §4: receivers differ in which one they take.) */
function hasDuplicateNames(text: string): boolean {
  const open: (Set<string> | null)[] = []
  let expectsName = false
  for (const [found] of text.matchAll(token)) {
    if (found === '{') {
      open.push(new Set())
      expectsName = true
    } else if (found === '[') {
      open.push(null)
      expectsName = false
    } else if (found === '}' || found === ']') {
      open.pop()
      expectsName = false
    } else if (found === ',') {
      expectsName = open.at(-1) instanceof Set
    } else if (found !== ':' && expectsName) {
      const names = open.at(-1)
      const name: string = JSON.parse(found)
      if (names?.has(name)) return true
      names?.add(name)
      expectsName = false
    }
  }
  return false
}

/**
 * JSON of which every reader understands the same: valid UTF-8, no name twice in an object.
 * @throws Error saying what is wrong
 */
export function parseStrictJson(bytes: Uint8Array): unknown {
  const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  const data: unknown = JSON.parse(text)
  if (hasDuplicateNames(text)) throw new Error('a name occurs twice in one object')
  return data
}
