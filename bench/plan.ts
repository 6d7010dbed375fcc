import { CONNECTIONS, type Pace } from './measure.js'

/** How much is measured. */
export interface Plan {
  /** How often the rows that have an aim are measured, from the start of the servers on. The others: once. */
  readonly runs: number
  /** Whether what has no aim is left out, unless a word selects it. */
  readonly onlyAims: boolean
  readonly pace: Pace
  readonly sockets: { readonly count: number; readonly seconds: number }
  /** Multiples of the rate that the floor of the busy process can answer, each for a second. */
  readonly loads: readonly number[]
  /** Logins that fill the stores, to measure their size. */
  readonly logins: number
  /** Numbers of sessions with which the backends are measured, and seconds of each measurement. */
  readonly backends: { readonly sessions: readonly number[]; readonly seconds: number }
  /** How often each import is measured. */
  readonly imports: number
}

export const FULL: Plan = {
  runs: 2,
  onlyAims: false,
  pace: { warmUp: 2, seconds: 2, rounds: 2, connections: [1, CONNECTIONS, 256] },
  sockets: { count: 10_000, seconds: 10 },
  loads: [2, 4, 8],
  logins: 20_000,
  backends: { sessions: [10_000, 1_000_000], seconds: 3 },
  imports: 5,
}

export const QUICK: Plan = {
  runs: 1,
  onlyAims: true,
  pace: { warmUp: 1, seconds: 2, rounds: 1, connections: [] },
  sockets: { count: 1000, seconds: 2 },
  loads: [2],
  logins: 1000,
  backends: { sessions: [10_000], seconds: 1 },
  imports: 2,
}
