import { objectIn } from './json.js'

/** Returns the claims of a token, decoded but not verified; undefined if the text is not a token. */
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

/** Decodes base64url (RFC 4648 §5) to text, as UTF-8. Some platforms have no `atob` or TextDecoder. @throws URIError */
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
