import assert from 'node:assert/strict'
import { test } from 'node:test'
import { warningsOf } from '../support/app.js'
import { scene } from './scene.js'

test('a login in a body that nobody has parsed: 415 for the client, one warning for the developer', async t => {
  const { client } = await scene(t)
  const headers = [['Content-Type', 'multipart/form-data; boundary=x']] as const
  const warnings = await warningsOf(async () => {
    for (const path of ['/login', '/login', '/revoke']) {
      assert.equal((await client({ method: 'POST', path, headers, body: '--x--' })).status, 415)
    }
  })
  const told = warnings.filter(({ code }) => code === 'AUTHX_BODY_NOT_PARSED')
  assert.equal(told.length, 1)
  assert.match(String(told[0]), /a login .* mount a body parser such as koa-body before the guard or the routes/)
})
