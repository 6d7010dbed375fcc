import assert from 'node:assert/strict'
import { test } from 'node:test'
import { appOf, makeAuthX, serve, warningsOf } from '../support/app.js'

test('a form that has not been parsed and may hold the CSRF value: 403 for the client, one warning', async t => {
  const authx = makeAuthX({ tokenLocation: ['cookies'], csrfCheckForm: true })
  const client = await serve(t, appOf(authx.middleware(), authx.accessTokenRequired()))
  const token = authx.createAccessToken('test')
  const body = `csrf_token=${authx.getCsrfToken(token)}`

  const warnings = await warningsOf(async () => {
    for (const type of ['text/plain', ...Array(2).fill('application/x-www-form-urlencoded')]) {
      const headers = [
        ['Cookie', `access_token_cookie=${token}`],
        ['Content-Type', type],
      ] as const
      assert.equal((await client({ method: 'POST', headers, body })).json.error_type, 'MissingCSRFTokenError')
    }
  })
  const told = warnings.filter(({ code }) => code === 'AUTHX_BODY_NOT_PARSED')
  assert.equal(told.length, 1)
  assert.match(String(told[0]), /CSRF value .* mount a body parser such as koa-body before the guard/)
})
