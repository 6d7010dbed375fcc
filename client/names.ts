/** The error for an unknown name: it suggests the nearest of `names`, or lists them all. */
export function noSuch(kind: string, given: string, names: readonly string[]): TypeError {
  const [best] = names
    .filter(name => likeness(given, name) > 0.4)
    .sort((a, b) => likeness(given, b) - likeness(given, a))
  return new TypeError(
    `AuthXClient: unknown ${kind} "${given}"; ${best ? `did you mean ${best}?` : `it takes ${names.join(', ')}`}`,
  )
}

/** Makes `baseURL`, `base_url` and `baseUrl` equal, and `login` and `paths.login`. */
const bare = (name: string) => name.replace(/^.*\.|[^a-z\d]/gi, '').toLowerCase()

/** The share of common letter pairs, and more if `given` is a part of `name`. */
function likeness(given: string, name: string): number {
  const [some, others] = [bare(given), bare(name)]
  const shared = [...some].filter((letter, n) => n && others.includes(some[n - 1] + letter))
  return (2 * shared.length) / (some.length + others.length - 2) + (some && others.includes(some) ? 0.5 : 0)
}
