import type { StoreFinding } from '../src/store.js'

/** A smaller difference of two clocks is not reported, in milliseconds. */
const TOLERATED_MS = 5000

/** What the clock of a server has shown. All are milliseconds since 1970; two of them are of this process's clock. */
export interface ClockReading {
  readonly now: number
  /** When the question was sent. */
  readonly sent: number
  /** When the answer was received. */
  readonly received: number
}

/** The finding that the clocks of a server and of this process differ; `undefined` if they need not differ. */
export function clockFinding(code: string, server: string, clock: ClockReading): StoreFinding | undefined {
  const ahead = clock.now - clock.received
  const behind = clock.sent - clock.now
  const difference = Math.max(ahead, behind)
  if (difference <= TOLERATED_MS) return undefined
  const how = `${Math.floor(difference / 1000)} seconds ${ahead > behind ? 'ahead of' : 'behind'}`
  return {
    code,
    message: `The clock of ${server} is ${how} the clock of this process, so one of them is wrong. If it is the clock of this process, tokens are accepted after they have expired, or refused before. Run NTP on both machines.`,
  }
}
