import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Slice } from '../../bench/figures.js'
import type { RowResult } from '../../bench/measure.js'
import { busyTable, rowsTable, socketsTable } from '../../bench/report.js'
import { type Aim, row } from '../../bench/row.js'

const SENT = { rate: 12_345, p50: 1500, p99: 2750 }
const slices = (...beyond: number[]): Slice[] => beyond.map(each => ({ server: 40 + each, floor: 40 }))

const rowWith = (name: string, ...aims: Aim[]) => row(name, 'a/server', 'a/floor', { aims })

function run(...results: [ReturnType<typeof row>, ...number[]][]): Map<string, RowResult> {
  return new Map(
    results.map(([each, ...beyond]) => [
      each.name,
      {
        row: each,
        slices: slices(...beyond),
        at: new Map([
          [1, SENT],
          [32, SENT],
        ]),
      },
    ]),
  )
}

const linesOf = (table: string) => table.split('\n').slice(2)

describe('the table of rows', () => {
  test('shows of each run what is beyond the floor, with the spread; the floor, the aim, rates and latencies', () => {
    const guard = rowWith('a guard', { atMost: 10 })
    assert.equal(
      rowsTable([guard], [run([guard, 8, 7, 9.5]), run([guard, 10])]),
      `| row | µs beyond its floor, run 1 | µs beyond its floor, run 2 | floor, run 1, µs | aim | met | 1 connection | 32 connections | 256 connections |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
| a guard | 7.0 (7.0 to 9.5) | 10.0 (10.0 to 10.0) | 40.0 | at most 10 | yes | 12,345/s; 1.50, 2.75 ms | 12,345/s; 1.50, 2.75 ms |  |`,
    )
  })

  test('says that an aim is met only if every run meets every aim of the row', () => {
    const guard = rowWith('a guard', { atMost: 10 }, { share: 0.5, of: 'by hand' })
    const byHand = rowWith('by hand')
    const metIn = (...runs: Map<string, RowResult>[]) =>
      linesOf(rowsTable([guard], runs))[0]?.split(' | ')[runs.length + 3]
    const good = run([guard, 9], [byHand, 20])
    assert.equal(metIn(good, good), 'yes')
    assert.equal(metIn(good, run([guard, 11], [byHand, 30])), '**no**')
    assert.equal(metIn(run([guard, 9], [byHand, 17]), good), '**no**')
  })

  test('has a row without an aim also if only the first run has it, and no row that was not measured', () => {
    const [peer, absent] = [rowWith('a peer'), rowWith('absent')]
    const lines = linesOf(rowsTable([peer, absent], [run([peer, 20]), new Map()]))
    assert.equal(lines.length, 1)
    assert.match(lines[0] ?? '', /^\| a peer \| 20\.0 \(20\.0 to 20\.0\) \| {2}\| 40\.0 \| {2}\| {2}\| /)
  })
})

test('the table of a busy process says whether a request failed, of each load and run', () => {
  const outcome = { requests: 900, unavailable: 0, failed: 0, p50: 500, p99: 1000 }
  const one = { load: 2, guarded: outcome, floor: { ...outcome, p50: 450.4 } }
  const other = { ...one, guarded: { ...outcome, unavailable: 3, failed: 1 } }
  assert.deepEqual(linesOf(busyTable([[one], [other]])), [
    '| 2 times | 1 | 900 | 0 | 0 | yes | 500, 1,000 ms | 450, 1,000 ms |',
    '| 2 times | 2 | 900 | 3 | 1 | **no** | 500, 1,000 ms | 450, 1,000 ms |',
  ])
})

test('the table of sockets shows what watching adds to the floor', () => {
  const result = {
    store: 'memory',
    count: 10_000,
    watched: { bytes: 9000, cpu: 3.5 },
    floor: { bytes: 8000, cpu: 0.25 },
  }
  assert.deepEqual(linesOf(socketsTable([result])), ['| memory | 10,000 | 1,000 | 8,000 | 3.25 | 0.25 |'])
})
