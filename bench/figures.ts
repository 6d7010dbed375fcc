/** What a server and its floor cost, both under load at the same time. Times are microseconds. */

/** CPU time per request in the same slice of time. */
export interface Slice {
  readonly server: number
  readonly floor: number
}

/** What one server did in one run of wrk. */
export interface Figures {
  /** Requests per second. */
  readonly rate: number
  /** Latencies. */
  readonly p50: number
  readonly p99: number
}

export interface Spread {
  /** Of the fastest slice of the server and of the floor: other work on the machine only adds CPU time. */
  readonly figure: number
  /** Half of the slices, each by itself, are between these two. */
  readonly low: number
  readonly high: number
}

/** The median of an even number of values is the mean of the two in the middle. @throws RangeError without a value. */
export function median(values: readonly number[]): number {
  return (quantile(values, 0.5, Math.floor) + quantile(values, 0.5, Math.ceil)) / 2
}

function quantile(values: readonly number[], share: number, round: (place: number) => number): number {
  const value = [...values].sort((a, b) => a - b)[round((values.length - 1) * share)]
  if (value === undefined) throw new RangeError('without values there is no quantile')
  return value
}

function compared(slices: readonly Slice[], compare: (server: number, floor: number) => number): Spread {
  const values = slices.map(({ server, floor }) => compare(server, floor))
  return {
    figure: compare(Math.min(...slices.map(({ server }) => server)), floorCpu(slices)),
    low: quantile(values, 0.25, Math.floor),
    high: quantile(values, 0.75, Math.ceil),
  }
}

/** CPU time per request beyond the floor. */
export const beyondFloor = (slices: readonly Slice[]): Spread => compared(slices, (server, floor) => server - floor)

/** CPU time per request as a multiple of the floor's. */
export const timesFloor = (slices: readonly Slice[]): Spread => compared(slices, (server, floor) => server / floor)

export const floorCpu = (slices: readonly Slice[]): number => Math.min(...slices.map(({ floor }) => floor))
