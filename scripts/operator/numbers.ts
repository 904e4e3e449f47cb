/** What ranks orders of a line: higher (generation, sequence) is newer. */
export interface Numbers {
  generation: number
  sequence: number
}

/** Above this, numbers are a thief's: he has spent them so that none would be left for us. */
export const spentAbove = 2 ** 52

export const isNewer = (a: Numbers, b: Numbers) =>
  a.generation !== b.generation ? a.generation > b.generation : a.sequence > b.sequence

export const isSame = (a: Numbers, b: Numbers) => !isNewer(a, b) && !isNewer(b, a)

export const isSpent = ({ generation = 0, sequence }: Partial<Numbers> & Pick<Numbers, 'sequence'>) =>
  Math.max(generation, sequence) > spentAbove

export const numbersOf = ({ generation, sequence }: Numbers): Numbers => ({ generation, sequence })

export const numbersText = ({ generation, sequence }: Numbers) =>
  `generation ${generation}, sequence ${sequence}`
