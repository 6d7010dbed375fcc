import assert from 'node:assert/strict'
import { test } from 'node:test'
import jsonwebtoken from 'jsonwebtoken'
import { forged } from '../../bench/check.js'

test('a forged token is the same but for its signature, which does not hold', () => {
  for (let n = 0; n < 50; n++) {
    const token = jsonwebtoken.sign({ n }, 'secret')
    const other = forged(token)
    assert.deepEqual(other.split('.').slice(0, 2), token.split('.').slice(0, 2))
    assert.equal(other.length, token.length)
    assert.throws(() => jsonwebtoken.verify(other, 'secret'), { message: 'invalid signature' })
  }
})
