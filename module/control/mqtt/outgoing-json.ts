/** What moves a cursor, ends a line or turns the writing round: Unicode's Cc, Zl, Zp and bidirectional controls. */
const controls = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu
/** The same, where text of several lines is sent (rules, log). */
const controlsInText = /(?![\n\t])[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu

/**
 * What is sent to the operator. Some of it was said by strangers (names of interfaces, words of other programs), and whoever
 * reads it may print it on a terminal: U+FFFD stands in the place of each control character.
 */
export function outgoingJson(document: object, options: { text?: boolean } = {}): string {
  const pattern = options.text ? controlsInText : controls
  const clean = (_key: string, value: unknown) =>
    typeof value === 'string' ? value.replace(pattern, '\ufffd') : value
  return JSON.stringify(document, clean)
}
