/** A scope (RFC 6749 §3.3): printable ASCII without space, quote and backslash. */
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]+$/

export const isScope = (value: unknown): value is string => typeof value === 'string' && SCOPE.test(value)

/**
 * Whether one of the scopes `held` covers `wanted`. `admin:*` covers `admin` and everything that begins with `admin:`,
 * at any depth. `*` covers everything. Any other scope covers only itself: a wildcard works only at the end, after a
 * colon.
 */
export function covers(held: readonly string[], wanted: string): boolean {
  return held.some(scope => {
    if (scope === wanted || scope === '*') return true
    return scope.endsWith(':*') && `${wanted}:`.startsWith(scope.slice(0, -1))
  })
}

/** Whether a held scope covers others than itself. */
export const isWildcard = (scope: string) => scope === '*' || scope.endsWith(':*')

export const coversAll = (held: readonly string[], wanted: readonly string[]) =>
  wanted.every(scope => covers(held, scope))

export const coversAny = (held: readonly string[], wanted: readonly string[]) =>
  wanted.some(scope => covers(held, scope))
