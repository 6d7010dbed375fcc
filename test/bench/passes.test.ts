import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Backends } from '../../bench/backends.js'
import { Passes } from '../../bench/passes.js'
import { QUICK } from '../../bench/plan.js'
import { groups } from '../../bench/rows/index.js'

/** The name of the row that is profiled. Nothing is started for it. */
const profiled = (word: string) => new Passes(QUICK, word, {} as Backends, () => {}).firstRow().name

describe('the row that is profiled', () => {
  test('is the one with this name, also if other names contain it, and whatever its case', () => {
    for (const { name } of groups.flatMap(({ rows }) => rows)) {
      assert.equal(profiled(name), name)
      assert.equal(profiled(name.toUpperCase()), name)
    }
  })

  test('is the first one whose name or title contains the word, if none has it as its name', () => {
    assert.equal(profiled('first sight of an HS'), 'first sight of an HS256 token')
    assert.equal(profiled('lists of sess'), groups.at(-1)?.rows[0]?.name)
  })

  test('does not exist for a word that no name and no title contains', () => {
    assert.throws(() => profiled('no such row'), /no row has a name that contains no such row/)
  })
})
