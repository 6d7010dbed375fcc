import { objectIn } from './json.js'

/** The claims of a token, decoded and not verified; undefined if it is none. */
export function claimsOf(token: string): Readonly<Record<string, unknown>> | undefined {
  const payload = token.split('.')[1]
  if (!payload) return undefined
  try {
    return objectIn(textOf(payload))
  } catch {
    return undefined
  }
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/** Of base64url (RFC 4648 §5) and UTF-8. `atob` and TextDecoder are not everywhere. @throws URIError */
function textOf(encoded: string): string {
  let escaped = ''
  let bits = 0
  let count = 0
  for (const character of encoded) {
    bits = ((bits << 6) | ALPHABET.indexOf(character)) & 0xfff
    count += 6
    if (count < 8) continue
    count -= 8
    escaped += `%${((bits >> count) & 0xff).toString(16).padStart(2, '0')}`
  }
  return decodeURIComponent(escaped)
}
