/** Characters that are probably in a secret by mistake, and the words for them in the warning. */
const STRAYS: readonly [pattern: RegExp, seen: string][] = [
  [/^\ufeff/, 'begins with a byte order mark'],
  [/^\ufeff?[\s\u200b]/, 'begins with white space'],
  [/\r\n?$/, 'ends with a carriage return'],
  [/\n$/, 'ends with a line break'],
  [/[^\S\r\n]$|\u200b$/, 'ends with white space'],
  [/(?:\\+[rn])$/, 'ends with a literal \\n or \\r'],
  [/^[\s\ufeff]*(["'`]).*\1\s*$/s, 'is in quotes'],
  [/\S[^\S\r\n]*[\r\n]+[^\S\r\n]*\S/, 'contains a line break'],
  [/\0/, 'contains NUL characters, as UTF-16 does'],
]

/**
 * Returns the end of the warning "<option> ..." about characters that are probably in a secret by mistake. `undefined`
 * if there are none. The secret itself is not changed, because servers that trim it and servers that do not would
 * refuse each other's tokens. Random bytes get no warning: they are not text, and can end with any byte.
 */
export function strayIn(secret: Buffer): string | undefined {
  const text = readable(secret)
  const seen = text === undefined ? [] : STRAYS.filter(([pattern]) => pattern.test(text)).map(([, words]) => words)
  if (seen.length === 0) return undefined
  return (
    `${seen.join(', ')}. These characters are part of the secret: a server whose secret does not have them rejects the tokens. ` +
    'If they are a mistake, remove them on every server and keep the old secret in previousSecretKey until its tokens have expired.'
  )
}

/**
 * Returns the text if the bytes are text: no control characters except white space and NUL. Otherwise returns
 * `undefined`.
 */
function readable(bytes: Buffer): string | undefined {
  const utf16 = ['fffe', 'feff'].includes(bytes.toString('hex', 0, 2))
  const text = bytes.toString('utf8', utf16 ? 2 : 0)
  const plain = !text.includes('\ufffd') && !/[^\P{Cc}\s\0]/u.test(text)
  return plain && /[^\s\0]/.test(text) ? text : undefined
}
