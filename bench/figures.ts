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
  /** Of the fastest round of the server and the fastest of its floor. Other work on the machine only adds CPU time. */
  readonly figure: number
  /** Of the rounds, each by itself: how much they differ is the noise. */
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

/** Compares the CPU times per request of a server and its floor. */
function compared(rounds: readonly Round[], compare: (server: number, floor: number) => number): Spread {
  const values = rounds.map(({ server, floor }) => compare(server.cpu, floor.cpu))
  const figure = compare(Math.min(...rounds.map(({ server }) => server.cpu)), floorCpu(rounds))
  return { figure, least: Math.min(...values), most: Math.max(...values) }
}

/** CPU time per request beyond the floor. */
export const beyondFloor = (rounds: readonly Round[]): Spread => compared(rounds, (server, floor) => server - floor)

/** CPU time per request as a multiple of the floor's. */
export const timesFloor = (rounds: readonly Round[]): Spread => compared(rounds, (server, floor) => server / floor)

export const floorCpu = (rounds: readonly Round[]): number => Math.min(...rounds.map(({ floor }) => floor.cpu))
