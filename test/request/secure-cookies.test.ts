import assert from 'node:assert/strict'
import { test } from 'node:test'
import { appOf, makeAuthX, serve, warningsOf } from '../support/app.js'

// In a file of its own: the warning is given once in a process.
test('Secure cookies over plain HTTP are set all the same, with one warning about app.proxy', async t => {
  const authx = makeAuthX({ tokenLocation: ['cookies'] })
  const app = appOf(async ctx => {
    ctx.body = await authx.login(ctx, 'test')
  })
  const client = await serve(t, app)
  const warningsOver = async (...forwarded: (readonly [string, string])[]) => {
    const warnings = await warningsOf(async () => {
      const { status, cookies } = await client({ method: 'POST', headers: forwarded })
      assert.equal(status, 200)
      assert.ok(cookies.length === 4 && cookies.every(line => line.includes('; Secure')))
    })
    return warnings.filter(({ code }) => code === 'AUTHX_INSECURE_COOKIE')
  }

  app.proxy = true
  assert.deepEqual(await warningsOver(['X-Forwarded-Proto', 'https']), [])
  app.proxy = false
  const [warning, ...more] = await warningsOver(['X-Forwarded-Proto', 'https'])
  assert.match(warning?.message ?? '', /app\.proxy/)
  assert.deepEqual([...more, ...(await warningsOver())], [])
})
