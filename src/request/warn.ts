const given = new Set<string>()

/** Emit a process warning, but only once for each `code`. */
export function warnOnce(code: string, message: string): void {
  if (given.has(code)) return
  given.add(code)
  process.emitWarning(message, { type: 'AuthXWarning', code })
}
