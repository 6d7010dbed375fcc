import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { beyondFloor, floorCpu, median, type Slice, timesFloor } from '../../bench/figures.js'

const slice = (server: number, floor: number): Slice => ({ server, floor })

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

  test('are those of the fastest slice of each side, so that other work on the machine changes nothing', () => {
    const slices = [slice(50, 40), slice(80, 70), slice(53, 90)]
    assert.deepEqual(beyondFloor(slices), { figure: 10, low: -37, high: 10 })
    assert.equal(floorCpu(slices), 40)
    assert.deepEqual(timesFloor([slice(60, 80), slice(120, 40)]), { figure: 1.5, low: 0.75, high: 3 })
  })

  test('have half of the slices between their quartiles', () => {
    const { low, high } = beyondFloor([5, 1, 2, 9, 3].map(beyond => slice(40 + beyond, 40)))
    assert.deepEqual([low, high], [2, 5])
  })

  test('can be less than those of the floor', () => {
    assert.equal(beyondFloor([slice(38, 40)]).figure, -2)
  })
})
