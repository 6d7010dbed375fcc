/**
 * Refuses members that are none of `names`, of which `paths.login` stands for the member `login` of the option `paths`.
 * @throws TypeError with the name that was meant, if one is near.
 */
export function checkNames(members: object, names: readonly string[], prefix = ''): void {
  for (const name of Object.keys(members))
    if (name.includes('.') || !names.includes(prefix + name)) throw noSuch('option', prefix + name, names)
}

/** The error for a name that is none of `names`, with the one that was meant, if one is near. */
export function noSuch(kind: string, given: string, names: readonly string[]): TypeError {
  const meant = nearest(given, names)
  return new TypeError(
    `${given}: no such ${kind} of AuthXClient; ${meant ? `did you mean ${meant}?` : `there are ${names.join(', ')}`}`,
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

/** `baseURL`, `base_url` and `baseUrl` are alike, and so are `login` and `paths.login`. */
const bare = (name: string) => name.replace(/^.*\.|[^a-z\d]/gi, '').toLowerCase()

/** The share of pairs of letters that both have (Dice's coefficient), and more for a name that was shortened. */
function likeness(given: string, name: string): number {
  const [some, others] = [pairsOf(given), pairsOf(name)]
  const shared = [...some].filter(pair => others.has(pair)).length
  return (2 * shared) / (some.size + others.size || 1) + (shared && name.includes(given) ? 0.5 : 0)
}

const pairsOf = (text: string) =>
  new Set(Array.from(text).flatMap((letter, n) => (n > 0 ? [text[n - 1] + letter] : [])))
