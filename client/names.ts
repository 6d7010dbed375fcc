/**
 * Checks that all members are in `names`. The name `paths.login` is the member `login` of the option `paths`.
 * @throws TypeError for an unknown member; it suggests the nearest name, or lists all names.
 */
export function checkNames(members: object, names: readonly string[], prefix = ''): void {
  for (const name of Object.keys(members))
    if (name.includes('.') || !names.includes(prefix + name)) throw noSuch('option', prefix + name, names)
}

/** The error for an unknown name: it suggests the nearest of `names`, or lists them all. */
export function noSuch(kind: string, given: string, names: readonly string[]): TypeError {
  const meant = nearest(given, names)
  return new TypeError(
    `AuthXClient: unknown ${kind} "${given}"; ${meant ? `did you mean ${meant}?` : `it takes ${names.join(', ')}`}`,
  )
}

function nearest(given: string, names: readonly string[]): string {
  let best = ''
  let most = 0.4
  for (const name of names) {
    const common = likeness(bare(given), bare(name))
    if (common > most) {
      best = name
      most = common
    }
  }
  return best
}

/** Makes `baseURL`, `base_url` and `baseUrl` equal, and `login` and `paths.login`. */
const bare = (name: string) => name.replace(/^.*\.|[^a-z\d]/gi, '').toLowerCase()

/** The share of common letter pairs (Dice's coefficient), with a bonus if `given` is a part of `name`. */
function likeness(given: string, name: string): number {
  const [some, others] = [pairsOf(given), pairsOf(name)]
  const shared = [...some].filter(pair => others.has(pair)).length
  return (2 * shared) / (some.size + others.size || 1) + (shared && name.includes(given) ? 0.5 : 0)
}

const pairsOf = (text: string) =>
  new Set(Array.from(text).flatMap((letter, n) => (n > 0 ? [text[n - 1] + letter] : [])))
