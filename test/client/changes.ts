/** A login or a logout that a visitor has asked for. Times are numbers that rise with each event. */
export interface Change {
  /** Who logs in. Undefined: a logout. */
  readonly sub: string | undefined
  readonly began: number
  /** When nothing more could come of it. */
  ended: number
  /** Whether the call was resolved: then it has happened. */
  isReported: boolean
}

/**
 * As whom a request may be answered: as a user whose login had begun, unless a login or a logout that began after it was
 * reported before the request began.
 */
export function possibleUsers(changes: readonly Change[], began: number, ended: number): (string | undefined)[] {
  const isOver = (login: Change) =>
    changes.some(change => change.isReported && change.began > login.ended && change.ended < began)
  return changes.filter(login => login.began < ended && !isOver(login)).map(({ sub }) => sub)
}

/** The changes of which nobody knows which one was last: all others were over when the first of them began. */
export function lastOf(changes: readonly Change[]): Change[] {
  const last: Change[] = []
  let first = Number.NEGATIVE_INFINITY
  for (const change of [...changes].sort((a, b) => b.began - a.began)) {
    if (last.length > 0 && change.ended < first) continue
    last.push(change)
    first = change.began
  }
  return last
}
