import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { median, type Round, shareByCpu, shareOfBase, shareOfRaw, spreadOf } from '../../bench/figures.js'

const side = (rate: number, cpu: number) => ({ rate, cpu, latency: 0 })

function round(base: [rate: number, cpu: number], variant: [rate: number, cpu: number], raw = 100): Round {
  return { base: side(...base), variant: side(...variant), raw: side(raw, 1) }
}

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

  test('have no median where there are none', () => {
    assert.throws(() => median([]), RangeError)
  })

  test('are not put into another order by looking at them', () => {
    const values = [3, 1, 2]
    assert.deepEqual(spreadOf(values), { median: 2, least: 1, most: 3 })
    assert.deepEqual(values, [3, 1, 2])
  })

  test('are compared round by round, so that a slow round of both sides changes nothing', () => {
    const rounds = [round([1000, 10], [900, 20]), round([10, 10], [9, 20]), round([100, 10], [90, 20])]
    assert.deepEqual(shareOfBase(rounds), { median: 0.9, least: 0.9, most: 0.9 })
  })

  test('are the smaller the more CPU time the variant takes', () => {
    assert.equal(shareByCpu([round([1, 40], [1, 50])]).median, 0.8)
  })

  test('are shares of the floor of the same round', () => {
    const rounds = [round([1, 1], [50, 1], 100), round([1, 1], [50, 1], 200), round([1, 1], [50, 1], 50)]
    assert.deepEqual(shareOfRaw(rounds), { median: 0.5, least: 0.25, most: 1 })
  })
})
