/**
 * What the first bytes of a connection say: `more` bytes are needed, or the name that is asked for is known (lower case,
 * A-labels, no dot at the end), or null: they name nobody, or are not of this protocol.
 */
export type Reading = 'more' | { readonly name: string | null }

export const nobody: Reading = { name: null }
