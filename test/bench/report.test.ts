import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Round } from '../../bench/figures.js'
import { aimsTable, casesTable, type Outcome } from '../../bench/report.js'

function round(share: number): Round {
  const figures = { rate: 1000, cpu: 10, latency: 0 }
  return { base: figures, raw: { ...figures, rate: 2000 }, variant: { ...figures, rate: 1000 * share, cpu: 12.5 } }
}

const outcome = (name: string, atLeast: number, ...shares: number[]): Outcome => ({
  case: { name, atLeast },
  rounds: shares.map(round),
})

const lastCell = (table: string) =>
  table
    .split('\n')
    .filter(line => line.startsWith('|'))
    .map(line => line.split(' | ').at(-1)?.replace(' |', ''))

describe('the table of what is aimed at', () => {
  test('shows of each run the median, the least, the most and the share by CPU time', () => {
    const table = aimsTable([[outcome('a guard', 0.9, 0.95, 0.91, 0.99)], [outcome('a guard', 0.9, 0.92)]], [])
    assert.equal(
      table,
      `| guarded route | aim | run 1 | run 2 | met |
| --- | --- | --- | --- | --- |
| a guard | at least 0.90 | 0.95 (0.91 to 0.99); by CPU time 0.80 | 0.92 (0.92 to 0.92); by CPU time 0.80 | yes |`,
    )
  })

  test('calls a line met only if the median of every run is', () => {
    const first = [outcome('exactly', 0.9, 0.9), outcome('twice', 0.9, 0.8, 0.95, 0.95), outcome('once', 0.9, 0.95)]
    const second = [outcome('exactly', 0.9, 0.9), outcome('twice', 0.9, 0.91), outcome('once', 0.9, 0.899)]
    assert.deepEqual(lastCell(aimsTable([first, second], [])).slice(2), ['yes', 'yes', '**no**'])
  })

  test('says below the table why a line was missed, where there is a reason', () => {
    const name = 'refresh on Redis'
    assert.match(aimsTable([[outcome(name, 0.8, 0.79)]], []), /\| \*\*no\*\* \|\n\n\*\*refresh on Redis\*\*: /)
    assert.doesNotMatch(aimsTable([[outcome(name, 0.8, 0.8)]], []), /\*\*refresh/)
  })

  test('judges the latency by what is left beyond the round trip', () => {
    const within = { open: 60, oneTrip: 200, guarded: 230 }
    const beyond = { open: 60, oneTrip: 200, guarded: 231 }
    assert.deepEqual(lastCell(aimsTable([], [[within, within], [within]])).slice(2), ['yes'])
    assert.deepEqual(lastCell(aimsTable([], [[within], [beyond]])).slice(2), ['**no**'])
    assert.match(aimsTable([], [[within]]), / 30 \(30 to 30\) µs; the round trip is 140 µs /)
  })
})

test('other cases are shown as shares of their base, by CPU time, and of the floor', () => {
  const [, , row] = casesTable([outcome('a case', 0, 0.5)]).split('\n')
  assert.equal(row, '| a case | 0.50 (0.50 to 0.50) | 0.80 | 0.25 |')
})
