/**
 * `text` without the `characters` at its ends. By hand, since a regular expression that is anchored to the end tries
 * from every place: a header of nothing but spaces would cost the square of its length.
 */
export function trim(text: string, characters: string): string {
  let start = 0
  while (start < text.length && characters.includes(text.charAt(start))) start++
  return trimEnd(text.slice(start), characters)
}

/** The same at the end only. */
export function trimEnd(text: string, characters: string): string {
  let end = text.length
  while (end > 0 && characters.includes(text.charAt(end - 1))) end--
  return text.slice(0, end)
}
