import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { isMet, namesIn, textOf } from '../../bench/aims.js'
import type { Slice } from '../../bench/figures.js'
import { groups } from '../../bench/rows/index.js'
import { readPage } from '../support/markdown.js'

const slicesWith = (...beyond: number[]): Slice[] => beyond.map(each => ({ server: 40 + each, floor: 40 }))
const nothing = () => undefined

describe('an aim of the benchmarks', () => {
  test('in microseconds is met by the fastest slice, up to the limit itself', () => {
    assert.equal(isMet({ atMost: 10 }, slicesWith(30, 10, 90), nothing), true)
    assert.equal(isMet({ atMost: 10 }, slicesWith(10.1, 30), nothing), false)
  })

  test('in multiples of the floor counts the whole request', () => {
    assert.equal(isMet({ timesFloor: 1.25 }, slicesWith(10), nothing), true)
    assert.equal(isMet({ timesFloor: 1.25 }, slicesWith(11), nothing), false)
  })

  test('as a share is compared with the other row of the same run', () => {
    const slicesOf = (name: string) => (name === 'by hand' ? slicesWith(40) : undefined)
    const aim = { share: 0.5, of: 'by hand' }
    assert.equal(isMet(aim, slicesWith(20), slicesOf), true)
    assert.equal(isMet(aim, slicesWith(21), slicesOf), false)
    assert.throws(() => isMet(aim, slicesWith(20), nothing), /by hand, which was not measured/)
  })

  test('is said in words', () => {
    assert.equal(textOf({ atMost: 10 }), 'at most 10')
    assert.equal(textOf({ timesFloor: 1.3 }), 'at most 1.3 of the floor')
    assert.equal(textOf({ share: 0.5, of: 'by hand' }), 'at most 0.5 of "by hand"')
  })
})

describe('the rows of the benchmarks', () => {
  const rows = groups.flatMap(group => group.rows)
  const names = rows.map(({ name }) => name)

  test('have different names, and every row that an aim names exists', () => {
    assert.deepEqual(
      names.filter((name, n) => names.indexOf(name) !== n),
      [],
    )
    for (const { name, aims } of rows) for (const other of namesIn(aims)) assert.ok(names.includes(other), name)
  })

  test('have a floor that is another server', () => {
    for (const { name, server, floor } of rows) assert.notEqual(server, floor, name)
  })

  test('have servers and floors that are exported where their names say', () => {
    for (const named of rows.flatMap(({ server, floor }) => [server, floor])) {
      const [file, variant] = named.split('/')
      assert.match(readPage(`bench/servers/${file}.ts`), new RegExp(`^export const ${variant}\\b`, 'm'), named)
    }
  })
})
