/** What does not belong at the ends of a secret, or inside of it, and how a warning calls it. */
const STRAYS: readonly [pattern: RegExp, seen: string][] = [
  [/^\ufeff/, 'begins with a byte order mark'],
  [/^\ufeff?[\s\u200b]/, 'begins with white space'],
  [/\r\n?$/, 'ends with a carriage return'],
  [/\n$/, 'ends with a line break'],
  [/[^\S\r\n]$|\u200b$/, 'ends with white space'],
  [/(?:\\+[rn])$/, 'ends with a literal \\n or \\r'],
  [/^[\s\ufeff]*(["'`]).*\1\s*$/s, 'is in quotes'],
  [/\S[^\S\r\n]*[\r\n]+[^\S\r\n]*\S/, 'holds a line break'],
  [/\0/, 'holds NUL characters, as UTF-16 does'],
]

/**
 * What a secret holds that its owner may not know of, in words that complete "<option> ..."; `undefined` if nothing. The
 * secret stays as it is: servers that trim it and servers that do not would refuse each other's tokens. Random bytes are
 * not text, and may end with any byte.
 */
export function strayIn(secret: Buffer): string | undefined {
  const text = readable(secret)
  const seen = text === undefined ? [] : STRAYS.filter(([pattern]) => pattern.test(text)).map(([, words]) => words)
  if (seen.length === 0) return undefined
  return (
    `${seen.join(', ')}. That is part of the secret, and a server whose secret is without it refuses these tokens. If it is ` +
    'a mistake, remove it on every server, and keep the present secret in previousSecretKey until its tokens have expired.'
  )
}

/** A text without control characters other than white space and NUL; `undefined` if the bytes are not one. */
function readable(bytes: Buffer): string | undefined {
  const utf16 = ['fffe', 'feff'].includes(bytes.toString('hex', 0, 2))
  const text = bytes.toString('utf8', utf16 ? 2 : 0)
  const plain = !text.includes('\ufffd') && !/[^\P{Cc}\s\0]/u.test(text)
  return plain && /[^\s\0]/.test(text) ? text : undefined
}
