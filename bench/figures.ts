/** Figures of several rounds. Rates are requests per second, times are microseconds. */

/** What one server did in one run of wrk. */
export interface Figures {
  readonly rate: number
  /** CPU time of the server process per request. */
  readonly cpu: number
  /** Latencies. */
  readonly p50: number
  readonly p99: number
}

/** A server and its floor, one directly after the other. */
export interface Round {
  readonly server: Figures
  readonly floor: Figures
}

export interface Spread {
  readonly median: number
  readonly least: number
  readonly most: number
}

/** The median of an even number of values is the mean of the two in the middle. @throws RangeError without a value. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.slice(Math.ceil(sorted.length / 2) - 1, Math.floor(sorted.length / 2) + 1)
  if (middle.length === 0) throw new RangeError('without values there is no median')
  return middle.reduce((sum, value) => sum + value, 0) / middle.length
}

export function spreadOf(values: readonly number[]): Spread {
  return { median: median(values), least: Math.min(...values), most: Math.max(...values) }
}

/** CPU time per request beyond the floor. Each round is compared by itself: a slow round slows both servers. */
export const beyondFloor = (rounds: readonly Round[]): Spread =>
  spreadOf(rounds.map(({ server, floor }) => server.cpu - floor.cpu))

/** CPU time per request as a multiple of the floor's. */
export const timesFloor = (rounds: readonly Round[]): Spread =>
  spreadOf(rounds.map(({ server, floor }) => server.cpu / floor.cpu))

export const floorCpu = (rounds: readonly Round[]): number => median(rounds.map(({ floor }) => floor.cpu))
