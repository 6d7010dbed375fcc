/** What to show to the user for an error of the client, or for a response that is not ok. */
export function textOf(error: unknown): string {
  const { name, status, message } = Object(error)
  // Another login has begun: what was asked for belongs to the user before.
  if (name === 'AbortError') return ''
  const isAway = name === 'TypeError' || name === 'TimeoutError' || status >= 500
  return isAway ? 'The server cannot be reached. Please try again.' : message
}
