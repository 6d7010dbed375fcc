import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { parseDuration } from '../../src/config/duration.js'

const DAY = 86_400
const GOOD: readonly [duration: unknown, seconds: number][] = [
  [900, 900],
  [0, 0],
  [1.5, 1.5],
  ['900', 900],
  [' 900 ', 900],
  ['1.5', 1.5],
  ['15m', 900],
  ['15M', 900],
  ['1h30m', 5400],
  ['1.5h', 5400],
  ['45s', 45],
  ['30d', 30 * DAY],
  ['2w', 14 * DAY],
  ['PT15M', 900],
  ['pt15m', 900],
  ['PT1H30M', 5400],
  ['PT0.5S', 0.5],
  ['P1D', DAY],
  ['P1W', 7 * DAY],
  ['P1DT12H', 1.5 * DAY],
]

const BAD: readonly unknown[] = [
  '',
  ' ',
  '-5',
  -5,
  '+5',
  'abc',
  '15 min',
  '15 m',
  '15min',
  '15ms',
  '1h30',
  '.5h',
  '1,5h',
  '1e3',
  '0x10',
  'P',
  'PT',
  'P1DT',
  'P1M',
  'P1Y',
  'PT15',
  '-PT15M',
  'Infinity',
  'NaN',
  '١٥m',
  Number.NaN,
  Number.POSITIVE_INFINITY,
  1e15,
  '999999999999d',
  null,
  undefined,
  true,
  [],
  ['15m'],
  {},
  new Date(),
  10n,
]

describe('a duration', () => {
  for (const [duration, seconds] of GOOD) {
    test(`${JSON.stringify(duration)} is ${seconds} seconds`, () => assert.equal(parseDuration(duration), seconds))
  }

  for (const duration of BAD) {
    test(`${typeof duration} ${String(duration)} is none`, () => assert.equal(parseDuration(duration), undefined))
  }

  test('a number of seconds means the same as text and as a number', () => {
    fc.assert(fc.property(fc.nat(), seconds => parseDuration(`${seconds}`) === parseDuration(seconds)))
  })

  test('units add up', () => {
    const parts = fc.tuple(fc.nat(100), fc.nat(100), fc.nat(100), fc.nat(100))
    const holds = fc.property(parts, ([d, h, m, s]) => {
      const sum = d * DAY + h * 3600 + m * 60 + s
      assert.equal(parseDuration(`${d}d${h}h${m}m${s}s`), sum)
      assert.equal(parseDuration(`P${d}DT${h}H${m}M${s}S`), sum)
    })
    fc.assert(holds)
  })

  test('any other text is no duration, or a finite number of seconds that is not negative', () => {
    const holds = fc.property(fc.string(), text => {
      const seconds = parseDuration(text)
      return seconds === undefined || (Number.isFinite(seconds) && seconds >= 0)
    })
    fc.assert(holds)
  })
})
