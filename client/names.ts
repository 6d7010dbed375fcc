/** The error for an unknown name: it suggests the nearest of `names`, or lists them all. */
export function noSuch(kind: string, given: string, names: readonly string[]): TypeError {
  const meant = nearest(given, names)
  return new TypeError(
    `AuthXClient: unknown ${kind} "${given}"; ${meant ? `did you mean ${meant}?` : `it takes ${names.join(', ')}`}`,
  )
}

function nearest(given: string, names: readonly string[]): string | undefined {
  let most = 0.4
  let best: string | undefined
  for (const name of names) {
    const score = likeness(bare(given), bare(name))
    if (score > most) {
      most = score
      best = name
    }
  }
  return best
}

/** Makes `baseURL`, `base_url` and `baseUrl` equal, and `login` and `paths.login`. */
const bare = (name: string) => name.replace(/^.*\.|[^a-z\d]/gi, '').toLowerCase()

/** The share of common letter pairs, with a bonus if `given` is a part of `name`. */
function likeness(given: string, name: string): number {
  const shared = [...given].filter((letter, n) => n > 0 && name.includes(given[n - 1] + letter)).length
  return (2 * shared) / (given.length + name.length - 2 || 1) + (shared && name.includes(given) ? 0.5 : 0)
}
