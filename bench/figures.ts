/** What the figures of several rounds come to. Rates are requests a second, times microseconds. */

/** What one side did in one run. */
export interface Figures {
  readonly rate: number
  /** CPU time of the server's process for one request. */
  readonly cpu: number
  /** The median latency. */
  readonly latency: number
}

/** One round of a case: both sides one right after the other, and the floor of everything in the same round. */
export interface Round {
  readonly base: Figures
  readonly variant: Figures
  readonly raw: Figures
}

export interface Spread {
  readonly median: number
  readonly least: number
  readonly most: number
}

/** The median of an even number of values is the mean of the two in the middle. @throws RangeError for no value. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.slice(Math.ceil(sorted.length / 2) - 1, Math.floor(sorted.length / 2) + 1)
  if (middle.length === 0) throw new RangeError('no value has no median')
  return middle.reduce((sum, value) => sum + value, 0) / middle.length
}

export function spreadOf(values: readonly number[]): Spread {
  return { median: median(values), least: Math.min(...values), most: Math.max(...values) }
}

/** Requests in the same time, as a share of the base's. */
export const shareOfBase = (rounds: readonly Round[]): Spread =>
  spreadOf(rounds.map(({ base, variant }) => variant.rate / base.rate))

/** The same by CPU time, which other processes of the machine disturb less. */
export const shareByCpu = (rounds: readonly Round[]): Spread =>
  spreadOf(rounds.map(({ base, variant }) => base.cpu / variant.cpu))

export const shareOfRaw = (rounds: readonly Round[]): Spread =>
  spreadOf(rounds.map(({ raw, variant }) => variant.rate / raw.rate))
