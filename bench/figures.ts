/** What a server and its floor cost, both under load at the same time. Times are microseconds. */

import type { Usage } from './servers/protocol.js'

/** CPU time per request in the same slice of time. */
export interface Slice {
  readonly server: number
  readonly floor: number
}

/** What a server and its floor have done until the same moment. */
export interface Reading {
  readonly server: Usage
  readonly floor: Usage
}

/** With fewer requests, those in progress at the ends of a slice would distort the cost of one. */
const FEWEST_REQUESTS = 320

/** Cuts the time between readings into the shortest slices in which both sides have answered enough requests. */
export function slicesOf(readings: readonly Reading[]): Slice[] {
  const slices: Slice[] = []
  let [start] = readings
  for (const reading of readings) {
    if (!start || !isEnough(start.server, reading.server) || !isEnough(start.floor, reading.floor)) continue
    const server = cpuPerRequest(start.server, reading.server)
    slices.push({ server, floor: cpuPerRequest(start.floor, reading.floor) })
    start = reading
  }
  return slices
}

const isEnough = (before: Usage, after: Usage) => after.requests - before.requests >= FEWEST_REQUESTS

export const cpuPerRequest = (before: Usage, after: Usage): number =>
  (after.cpu - before.cpu) / (after.requests - before.requests)

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
  /** The quartiles of the slices, each by itself, or the slices beyond them. */
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
