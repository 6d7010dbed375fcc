import { attempt, isObject } from './page.js'

/** Parses a text as a JSON object. Returns undefined if it is not one. */
export function objectIn(text: string): Record<string, unknown> | undefined {
  const value: unknown = attempt(() => JSON.parse(text))
  return isObject(value) ? value : undefined
}

/** Returns the claims of a token, decoded but not verified; undefined if the text is not a token. */
export function claimsOf(token: string): Record<string, unknown> | undefined {
  let escaped = ''
  let bits = 0
  let count = 0
  // Base64url (RFC 4648 §5). Some platforms have no `atob` or TextDecoder.
  for (const character of token.split('.')[1] ?? '') {
    const code = character.charCodeAt(0)
    const value = code > 96 ? code - 71 : code === 95 ? 63 : code > 64 ? code - 65 : code === 45 ? 62 : code + 4
    bits = (bits << 6) | value
    count += 6
    if (count < 8) continue
    count -= 8
    escaped += `%${(256 | ((bits >> count) & 255)).toString(16).slice(1)}`
  }
  return attempt(() => objectIn(decodeURIComponent(escaped)))
}
