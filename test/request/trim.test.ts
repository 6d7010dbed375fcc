import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { trim, trimEnd } from '../../src/request/trim.js'

test('trimming takes the characters away at the ends, and nothing else', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[ab \t/]{0,12}$/), text => {
      assert.equal(trim(text, ' \t'), text.replace(/^[ \t]+/, '').replace(/[ \t]+$/, ''))
      assert.equal(trimEnd(text, '/'), text.replace(/\/+$/, ''))
    }),
  )
})

test('trimming reads a text once: a header of spaces costs its length, not the square of it', () => {
  const spaces = ' '.repeat(3_000_000)
  assert.equal(trim(`${spaces}a${spaces}b${spaces}`, ' '), `a${spaces}b`)
  assert.equal(trimEnd(`${'/'.repeat(3_000_000)}b`, '/').length, 3_000_001)
})
