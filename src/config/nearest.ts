/**
 * Returns the end of an error message about an unknown name: a suggestion of the most similar name of `names`, or
 * `otherwise` if no name is similar.
 */
export function didYouMean(given: string, names: readonly string[], otherwise: string): string {
  const [nearest] = names
    .map(name => ({ name, distance: distanceBetween(bare(given), bare(name)) }))
    .filter(({ name, distance }) => distance <= bare(name).length / 3)
    .sort((a, b) => a.distance - b.distance)
  return nearest ? `did you mean ${nearest.name}?` : otherwise
}

/** Removes the prefix `jwt_`, underscores and upper case, so that `secretKey` equals `JWT_SECRET_KEY`. */
const bare = (name: string) => name.toLowerCase().replace(/^jwt_/, '').replaceAll('_', '').slice(0, 64)

/**
 * Returns the number of edits between two names: characters added, removed, replaced, or swapped with the next one
 * (optimal string alignment).
 */
function distanceBetween(a: string, b: string): number {
  let before: number[] = []
  let row = Array.from({ length: b.length + 1 }, (_, n) => n)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const [replaced = 0, added = 0, removed = 0] = [row[j - 1], next[j - 1], row[j]]
      const isSwapped = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      const swapped = isSwapped ? (before[j - 2] ?? 0) + 1 : Number.POSITIVE_INFINITY
      next.push(Math.min(replaced + (a[i - 1] === b[j - 1] ? 0 : 1), added + 1, removed + 1, swapped))
    }
    before = row
    row = next
  }
  return row[b.length] ?? 0
}
