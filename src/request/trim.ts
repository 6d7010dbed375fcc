/**
 * Remove `characters` from both ends of `text`. It uses no regular expression: a regular expression that is anchored to
 * the end takes quadratic time for a header of many spaces.
 */
export function trim(text: string, characters: string): string {
  let start = 0
  while (start < text.length && characters.includes(text.charAt(start))) start++
  return trimEnd(text.slice(start), characters)
}

/** Remove `characters` from the end of `text`. */
export function trimEnd(text: string, characters: string): string {
  let end = text.length
  while (end > 0 && characters.includes(text.charAt(end - 1))) end--
  return text.slice(0, end)
}
