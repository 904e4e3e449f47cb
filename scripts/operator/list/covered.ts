import { type Names, parents } from './gather.ts'

/**
 * Takes out what a tree above it says already: the nearest listed tree decides (docs/list-format.md §2), so that of the
 * same category it gives every look-up the same answer.
 * @returns what was taken out
 */
export function takeCovered(names: Names): Names {
  const covered: Names = new Map()
  for (const [name, entry] of names) {
    const nearest = parents(name).find((parent) => names.get(parent)?.scope === 'tree')
    if (nearest !== undefined && names.get(nearest)?.category === entry.category) covered.set(name, entry)
  }
  for (const name of covered.keys()) names.delete(name)
  return covered
}
