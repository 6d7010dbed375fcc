/** Whether two values are the same JSON, members in the same order, however deep: JSON.stringify ends at some depth. */
export function sameJson(one: unknown, other: unknown): boolean {
  const pairs: [unknown, unknown][] = [[one, other]]
  for (let pair = pairs.pop(); pair; pair = pairs.pop()) {
    const [a, b] = pair
    if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) {
      if (!Object.is(a, b)) return false
      continue
    }
    const [members, others] = [Object.entries(a), Object.entries(b)]
    if (Array.isArray(a) !== Array.isArray(b) || members.length !== others.length) return false
    for (const [n, [name, value]] of members.entries()) {
      if (others[n]?.[0] !== name) return false
      pairs.push([value, others[n]?.[1]])
    }
  }
  return true
}
