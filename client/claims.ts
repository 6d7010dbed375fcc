/** Returns the claims of a token, decoded but not verified; undefined if the text is not a token. */
export function claimsOf(token: string): Readonly<Record<string, unknown>> | undefined {
  try {
    return objectIn(textOf(token.split('.')[1] ?? ''))
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
    bits = (bits << 6) | ALPHABET.indexOf(character)
    count += 6
    if (count < 8) continue
    count -= 8
    escaped += `%${(256 + ((bits >> count) & 255)).toString(16).slice(1)}`
  }
  return decodeURIComponent(escaped)
}

/** Parses a text as a JSON object. Returns undefined if it is not one. */
export function objectIn(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
