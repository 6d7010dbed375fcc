import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { beyondFloor, median, type Round, spreadOf, timesFloor } from '../../bench/figures.js'

const side = (cpu: number) => ({ rate: 1000, cpu, p50: 0, p99: 0 })
const round = (server: number, floor: number): Round => ({ server: side(server), floor: side(floor) })

describe('the figures of benchmarks', () => {
  test('have the value in the middle as their median, whatever their order, or the mean of the two in the middle', () => {
    const cases: [values: number[], expected: number][] = [
      [[7], 7],
      [[3, 1, 2], 2],
      [[100, 9, 10], 10],
      [[4, 1, 3, 2], 2.5],
      [[1, 1, 1, 5], 1],
    ]
    for (const [values, expected] of cases) assert.equal(median(values), expected, String(values))
  })

  test('have no median without values', () => {
    assert.throws(() => median([]), RangeError)
  })

  test('keep their order', () => {
    const values = [3, 1, 2]
    assert.deepEqual(spreadOf(values), { median: 2, least: 1, most: 3 })
    assert.deepEqual(values, [3, 1, 2])
  })

  test('are compared with the floor of the same round, so a slow round of both changes little', () => {
    const rounds = [round(50, 40), round(80, 70), round(53, 41)]
    assert.deepEqual(beyondFloor(rounds), { median: 10, least: 10, most: 12 })
    assert.deepEqual(timesFloor([round(60, 40), round(120, 80)]), { median: 1.5, least: 1.5, most: 1.5 })
  })

  test('can be less than those of the floor', () => {
    assert.equal(beyondFloor([round(38, 40)]).median, -2)
  })
})
