import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { beyondFloor, floorCpu, median, type Round, timesFloor } from '../../bench/figures.js'

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

  test('are those of the fastest round of each side, so that other work on the machine changes nothing', () => {
    const rounds = [round(50, 40), round(80, 70), round(53, 90)]
    assert.deepEqual(beyondFloor(rounds), { figure: 10, least: -37, most: 10 })
    assert.equal(floorCpu(rounds), 40)
    assert.deepEqual(timesFloor([round(60, 80), round(120, 40)]), { figure: 1.5, least: 0.75, most: 3 })
  })

  test('can be less than those of the floor', () => {
    assert.equal(beyondFloor([round(38, 40)]).figure, -2)
  })
})
