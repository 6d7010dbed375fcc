import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeAuthX } from '../support/app.js'

test('verifyToken refuses an option that does not exist: a misspelt one would let a stale token pass', async () => {
  const authx = makeAuthX()
  const token = authx.createAccessToken('ada')
  await assert.rejects(authx.verifyToken(token, { verfyFresh: true } as object), {
    name: 'TypeError',
    message: /verfyFresh/,
  })
  await assert.rejects(authx.verifyToken(token, { verifyFresh: true }), { name: 'FreshTokenRequiredError' })
})
