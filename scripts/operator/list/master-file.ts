/** An entry of a master file: a record or a control line, over as many lines as its parentheses span. */
export interface MasterEntry {
  /** Begins with a blank: its owner is that of the entry before. */
  inherits: boolean
  words: readonly string[]
  /** A quoted string or a parenthesis that does not fit. */
  isBroken: boolean
}

export interface MasterReader {
  /** @returns the entry that this line ends, if any */
  next(line: string): MasterEntry | undefined
  /** Number of the line whose parenthesis is still open, from 1: no entry came after it. */
  openSince(): number | undefined
}

/** A quoted string, a parenthesis, the beginning of a comment, or a word; escapes in all of them. */
const piece = /"(?:\\.|[^"\\])*("?)|[();]|(?:\\.|[^\s();"\\])+|\\$/g

/** RDATA has 65,535 octets at most (RFC 1035 §3.2.1), each written as four characters at most: what goes on after that is no record. */
const longestEntry = 4 * 65_535

/** Escapes of what a host name may have are that letter; others stay, so that no name is made of them. */
function unescaped(word: string): string {
  return word.replace(/\\(?:(\d{3})|(\D))/g, (whole, octet?: string, letter?: string) => {
    const meant = octet === undefined ? (letter ?? '') : String.fromCharCode(Number(octet))
    return /^[a-z0-9_-]$/i.test(meant) ? meant : whole
  })
}

/** Reads the lines of a master file (RFC 1035 §5.1). */
export function createMasterReader(): MasterReader {
  let words: string[] = []
  let inherits = false
  let isBroken = false
  let isEndless = false
  let depth = 0
  let length = 0
  let lines = 0
  let start = 0

  const isOpen = () => isEndless || depth > 0
  const begin = (line: string) => {
    words = []
    inherits = /^\s/.test(line)
    isBroken = false
    length = 0
    start = lines
  }
  const group = (text: string) => {
    if (text === '(') depth += 1
    else if (depth > 0) depth -= 1
    else isBroken = true
  }
  const take = (line: string) => {
    for (const [text, closing] of line.matchAll(piece)) {
      if (text === ';') return
      if (text === '(' || text === ')') group(text)
      else words.push(text.startsWith('"') ? text : unescaped(text))
      // It would end at the next quote, lines further on; name servers refuse it too.
      isBroken ||= text.startsWith('"') && closing === ''
    }
  }

  return {
    next(line) {
      lines += 1
      if (!isOpen()) begin(line)
      length += line.length
      take(line)
      isEndless ||= depth > 0 && length > longestEntry
      if (isOpen() || (words.length === 0 && !isBroken)) return undefined
      return { inherits, words, isBroken }
    },
    openSince: () => (isOpen() ? start : undefined),
  }
}
