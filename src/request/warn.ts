const given = new Set<string>()

/** A process warning that is given once, however often its reason recurs. */
export function warnOnce(code: string, message: string): void {
  if (given.has(code)) return
  given.add(code)
  process.emitWarning(message, { type: 'AuthXWarning', code })
}
