import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { beyondFloor, floorCpu, median, type Slice, slicesOf, timesFloor } from '../../bench/figures.js'

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

  test('have at least half of the slices between their quartiles', () => {
    const { low, high } = beyondFloor([5, 1, 2, 9, 3].map(beyond => slice(40 + beyond, 40)))
    assert.deepEqual([low, high], [2, 5])
  })

  test('come from slices in which both sides have answered enough requests, so slow rows have longer slices', () => {
    const usage = (requests: number, each: number) => ({ requests, cpu: requests * each })
    const reading = (server: number, floor: number) => ({ server: usage(server, 50), floor: usage(floor, 40) })
    const cases: [readings: [server: number, floor: number][], slices: number][] = [
      [[], 0],
      [[[0, 0]], 0],
      [
        [
          [0, 0],
          [320, 320],
          [640, 640],
        ],
        2,
      ],
      [
        [
          [5000, 5000],
          [5319, 9000],
          [5320, 9000],
        ],
        1,
      ],
      [
        [
          [0, 0],
          [100, 1000],
          [200, 2000],
          [300, 3000],
          [400, 4000],
          [500, 5000],
        ],
        1,
      ],
      [
        [
          [0, 0],
          [3000, 319],
          [6000, 638],
        ],
        1,
      ],
    ]
    for (const [readings, slices] of cases) {
      const expected = Array.from({ length: slices }, () => slice(50, 40))
      assert.deepEqual(slicesOf(readings.map(each => reading(...each))), expected, JSON.stringify(readings))
    }
  })

  test('count only what a slice itself has cost', () => {
    const reading = (requests: number, server: number, floor: number) => ({
      server: { requests, cpu: server },
      floor: { requests, cpu: floor },
    })
    const readings = [reading(0, 9000, 7000), reading(400, 33_000, 23_000), reading(800, 53_000, 37_000)]
    assert.deepEqual(slicesOf(readings), [slice(60, 40), slice(50, 35)])
  })

  test('can be less than those of the floor', () => {
    assert.equal(beyondFloor([slice(38, 40)]).figure, -2)
  })
})
