/** The error for an unknown name: it suggests the nearest of `names`, or lists them all. */
export function noSuch(kind: string, given: string, names: readonly string[]): TypeError {
  let hint = `it takes ${names.join(', ')}`
  let most = 0.18
  for (const name of names) {
    const share = shareOf(bare(given), bare(name))
    if (share <= most) continue
    most = share
    hint = `did you mean ${name}?`
  }
  return new TypeError(`AuthXClient: unknown ${kind} "${given}"; ${hint}`)
}

/** Makes `baseURL` and `baseUrl` equal, and `login` and `paths.login`. */
const bare = (name: string) => name.replace(/^.*\./, '').toLowerCase()

/** How many pairs of letters two names have in common, for each letter. */
const shareOf = (some: string, others: string) =>
  [...some].filter((letter, n) => n && others.includes(some[n - 1] + letter)).length / (some.length + others.length)

/** @throws TypeError if a value is not as it must be. */
export function check(isRight: unknown, name: string, accepts: string): void {
  if (!isRight) throw new TypeError(`${name} must be ${accepts}`)
}
