import { isLoggedIn, type Known, type Tokens } from './machine.js'
import type { Settings } from './options.js'
import { ignore, LONGEST_MS, monotonicMs } from './page.js'

/** How long no refresh begins by itself after one that has brought no token with time left. */
const RETRY_MS = 30_000

/** How long the access token is good for a request; NaN if this is not known. */
export function leftMs({ tokens }: Known, marginSeconds = 0): number {
  const { expires_in = Number.NaN, endsAt = Number.NaN } = tokens
  return endsAt - monotonicMs() - Math.min(marginSeconds, expires_in / 2) * 1000
}

/** Tells when the access token has expired. If it is automatic, it begins a refresh before that. */
export interface Timer {
  /** Sets it by what is known now. While a refresh is under way it waits. */
  set(): void
  /** A refresh has ended. */
  refreshed(): void
  /** A login has begun or ended: the timer need not wait because of the refreshes of the one before. */
  reset(): void
  automate(is: boolean): void
  close(): void
}

/** What the timer looks at, and what it does. */
interface Work {
  known(): Known
  isRefreshing(): boolean
  refresh(): Promise<void>
  /** Is called once for each access token. */
  expired(): void
}

export function timerOf({ refreshMarginSeconds }: Settings, { known, isRefreshing, refresh, expired }: Work): Timer {
  let timer: ReturnType<typeof setTimeout> | undefined
  let isAutomatic = false
  let isClosed = false
  /** Until when no refresh begins by itself, on the monotonic clock. */
  let restsUntil = 0
  /** The tokens whose end was told. */
  let over: Tokens | undefined
  const waitMs = () =>
    isAutomatic
      ? Math.max(leftMs(known(), refreshMarginSeconds) || 0, restsUntil - monotonicMs())
      : known().tokens !== over && leftMs(known())
  const set = () => {
    clearTimeout(timer)
    const ms = waitMs()
    if (isClosed || isRefreshing() || !isLoggedIn(known()) || !(ms || isAutomatic)) return
    timer = setTimeout(ring, Math.min(Number(ms), LONGEST_MS))
    // In Node, the timer would keep the process alive.
    Object(timer).unref?.()
  }
  const ring = () => {
    if (isAutomatic) refresh().catch(ignore)
    else if (leftMs(known()) > 0) set()
    else if (!isRefreshing()) {
      over = known().tokens
      expired()
    }
  }
  return {
    set,
    refreshed() {
      if (!(leftMs(known(), refreshMarginSeconds) > 0)) restsUntil = monotonicMs() + RETRY_MS
      set()
    },
    reset() {
      restsUntil = 0
    },
    automate(is) {
      isAutomatic = is
      set()
    },
    close() {
      isClosed = true
      set()
    },
  }
}
