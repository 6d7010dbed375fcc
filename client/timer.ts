import { monotonicMs } from './page.js'
import type { Session } from './session.js'

/** How long after a failed refresh the next is tried. */
const RETRY_MS = 30_000
/** Longer times make timers run at once. */
const LONGEST_MS = 2 ** 31 - 1

/** Tells of the end of the access token or, if it is automatic, refreshes before. */
export class Timer {
  isAutomatic = false
  isClosed = false
  readonly #isHeard: () => boolean
  #timer: ReturnType<typeof setTimeout> | undefined

  /** @param isHeard whether there is anybody to tell. */
  constructor(isHeard: () => boolean) {
    this.#isHeard = isHeard
  }

  /** Sets the timer anew, after a change. `pauseMs`: milliseconds that it waits at least. */
  set(session: Session, pauseMs = 0): void {
    clearTimeout(this.#timer)
    const { isLoggedIn, isRefreshing, known } = session
    const { renewAt = 0, endsAt = Infinity, isEndTold } = known
    const at = this.isAutomatic ? renewAt : this.#isHeard() && !isEndTold ? endsAt : Infinity
    if (this.isClosed || !isLoggedIn || isRefreshing || at === Infinity) return
    const timer = setTimeout(() => this.#ring(session), Math.min(Math.max(at - monotonicMs(), pauseMs), LONGEST_MS))
    // In Node, the timer would keep the process alive.
    Object(timer).unref?.()
    this.#timer = timer
  }

  #ring(session: Session): void {
    if (this.isAutomatic) session.refresh().catch(() => this.set(session, RETRY_MS))
    else session.apply({ type: 'time', now: monotonicMs() })
  }
}
