import assert from 'node:assert/strict'
import { test } from 'node:test'
import { appOf, makeAuthX, serve, warningsOf } from '../support/app.js'

test('a body that has not been parsed: 401 for the client, a cause and one warning for the developer', async t => {
  const authx = makeAuthX({ tokenLocation: ['json'] })
  const causes: unknown[] = []
  const watch = async (_: unknown, next: () => Promise<unknown>) =>
    next().catch(error => {
      causes.push(error.cause)
      throw error
    })
  const client = await serve(t, appOf(authx.middleware(), watch, authx.accessTokenRequired()))
  const body = JSON.stringify({ access_token: authx.createAccessToken('test') })

  const warnings = await warningsOf(async () => {
    for (const type of ['text/plain', 'application/json', 'application/json']) {
      const { status, json, text } = await client({ method: 'POST', headers: [['Content-Type', type]], body })
      assert.deepEqual([status, json.error_type], [401, 'MissingTokenError'])
      assert.doesNotMatch(text, /koa-body/)
    }
  })
  assert.equal(warnings.filter(({ code }) => code === 'AUTHX_BODY_NOT_PARSED').length, 1)
  assert.deepEqual(
    causes.map(cause => /mount koa-body before the guard/.test(String(cause))),
    [false, true, true],
  )
})
