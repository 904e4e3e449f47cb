/**
 * What the first bytes of a connection say: `more` bytes are needed, or the name that is asked for is known (lower case,
 * A-labels, no dot at the end), or null: they name nobody, or are not of this protocol.
 */
export type HostPeek = 'more' | { readonly name: string | null }

export const noHost: HostPeek = { name: null }
