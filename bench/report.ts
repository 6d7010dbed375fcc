import { isMet, textOf } from './aims.js'
import type { BackendWork } from './backend-work.js'
import type { BusyResult, Outcome } from './busy.js'
import { beyondFloor, type Figures, floorCpu, type Spread } from './figures.js'
import type { ImportTime, InstalledSize, StoredSize } from './footprint.js'
import type { ManySessions } from './many-sessions.js'
import { CONNECTIONS, type RowResult } from './measure.js'
import type { Row } from './row.js'
import type { SocketResult } from './sockets.js'

/** The rows of one run, by name. */
export type RunResults = ReadonlyMap<string, RowResult>

/** A table of the rows of a group. Rows without an aim are only in the first run. */
export function rowsTable(rows: readonly Row[], runs: readonly RunResults[]): string {
  const measured = rows.filter(({ name }) => runs[0]?.has(name))
  const heads = [
    'row',
    ...runs.map((_, n) => `µs beyond its floor, run ${n + 1}`),
    'floor, run 1, µs',
    'aim',
    'met',
    '1 connection',
    `${CONNECTIONS} connections`,
    '256 connections',
  ]
  return table(
    heads,
    measured.map(row => rowCells(row, runs)),
  )
}

function rowCells(row: Row, runs: readonly RunResults[]): string[] {
  const results = runs.map(run => run.get(row.name))
  const first = results[0] as RowResult
  return [
    row.name,
    ...results.map(result => (result ? spread(beyondFloor(result.slices)) : '')),
    time(floorCpu(first.slices)),
    (row.aims ?? []).map(textOf).join(', '),
    metCell(row, runs),
    figuresCell(first.at.get(1)),
    figuresCell(first.at.get(CONNECTIONS)),
    figuresCell(first.at.get(256)),
  ]
}

const metCell = (row: Row, runs: readonly RunResults[]) => (row.aims?.length ? yesOrNo(isEachMet(row, runs)) : '')

/** Whether every run meets the aims of a row. */
export function isEachMet({ name, aims = [] }: Row, runs: readonly RunResults[]): boolean {
  return aims.every(aim => runs.every(run => isMet(aim, run.get(name)?.slices ?? [], other => run.get(other)?.slices)))
}

function figuresCell(figures: Figures | undefined): string {
  if (!figures) return ''
  return `${whole(figures.rate)}/s; ${milliseconds(figures.p50)}, ${milliseconds(figures.p99)} ms`
}

export function socketsTable(results: readonly SocketResult[]): string {
  const rows = results.map(({ store, count, watched, floor }) => [
    store,
    whole(count),
    whole(watched.bytes - floor.bytes),
    whole(floor.bytes),
    (watched.cpu - floor.cpu).toFixed(2),
    floor.cpu.toFixed(2),
  ])
  const heads = ['store', 'sockets', 'bytes each', 'floor, bytes', 'CPU each, µs per second', 'floor, µs per second']
  return table(heads, rows)
}

/** The aim is that no request fails. */
export function busyTable(runs: readonly (readonly BusyResult[])[]): string {
  const rows = runs.flatMap((run, n) =>
    run.map(({ load, guarded, floor }) => [
      `${load} times`,
      String(n + 1),
      whole(guarded.requests),
      String(guarded.unavailable),
      String(guarded.failed),
      yesOrNo(guarded.unavailable + guarded.failed === 0),
      latencyCell(guarded),
      latencyCell(floor),
    ]),
  )
  const heads = ['load', 'run', 'requests', '503', 'other failures', 'none failed', 'p50, p99', "the floor's p50, p99"]
  return table(heads, rows)
}

const latencyCell = ({ p50, p99 }: Outcome) => `${whole(p50)}, ${whole(p99)} ms`

export function storedTable(sizes: readonly StoredSize[]): string {
  return table(
    ['store', 'bytes for each live session'],
    sizes.map(({ store, bytes }) => [store, whole(bytes)]),
  )
}

export function workTable(works: readonly BackendWork[]): string {
  const rows = works.map(({ store, request, cpu, traffic, log, roundTrips }) => [
    store,
    request,
    time(cpu),
    bytesCell(traffic),
    bytesCell(log),
    String(roundTrips),
  ])
  return table(['backend', 'request', 'CPU, µs', 'traffic, bytes', 'log, bytes', 'round trips'], rows)
}

const bytesCell = (bytes: number | undefined) => (bytes === undefined ? '' : whole(bytes))

export function manyTable(results: readonly ManySessions[]): string {
  const rows = results.map(({ store, sessions, bytes, cpu }) => [store, whole(sessions), whole(bytes), time(cpu)])
  return table(['backend', 'sessions', 'bytes each', 'CPU for a guarded request, µs'], rows)
}

export function importTable(times: readonly ImportTime[]): string {
  const rows = times.map(({ what, process, more }) => [what, process.toFixed(0), more.toFixed(0)])
  return table(['imported', 'whole process, ms', 'more than nothing, ms'], rows)
}

export function installedTable(sizes: readonly InstalledSize[]): string {
  const rows = sizes.map(({ what, packages, bytes, own }) => [what, String(packages), kilobytes(bytes), kilobytes(own)])
  return table(['installed', 'packages', 'kB', 'of it itself, kB'], rows)
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [line(heads), line(heads.map(() => '---')), ...rows.map(line)].join('\n')
}

const time = (microseconds: number) => microseconds.toFixed(1)
const milliseconds = (microseconds: number) => (microseconds / 1000).toFixed(2)
const whole = (value: number) => Math.round(value).toLocaleString('en')
const kilobytes = (bytes: number) => whole(bytes / 1000)
const yesOrNo = (yes: boolean) => (yes ? 'yes' : '**no**')
const spread = ({ figure, low, high }: Spread) => `${time(figure)} (${time(low)} to ${time(high)})`
