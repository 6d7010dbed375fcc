import { objectIn } from './json.js'

/** The claims of a token, decoded and not verified; undefined if it is none. */
export function claimsOf(token: string): Readonly<Record<string, unknown>> | undefined {
  const payload = token.split('.')[1]
  if (!payload) return undefined
  try {
    const bytes = Uint8Array.from(atob(payload.replace(/-/g, '+').replace(/_/g, '/')), byte => byte.charCodeAt(0))
    return objectIn(new TextDecoder().decode(bytes))
  } catch {
    return undefined
  }
}
