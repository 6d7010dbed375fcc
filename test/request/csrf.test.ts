import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { internalsOf } from '../../src/authenticate/internals.js'
import type { RequestContext } from '../../src/request/context.js'
import { checkCsrf } from '../../src/request/csrf.js'
import type { TokenPayload } from '../../src/token/payload.js'
import { bearer, cookie, makeAuthX, type Sent } from '../support/app.js'
import { forgeWith } from '../support/signing.js'
import { type Header, loggedIn, MISSING, outcome, type Scene, WRONG } from './scene.js'

const FORM = ['Content-Type', 'application/x-www-form-urlencoded'] as const
describe('a guard asks for the CSRF value', () => {
  for (const method of ['GET', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'DELETE', 'PROPFIND', 'PURGE']) {
    const asks = !['GET', 'OPTIONS'].includes(method)
    test(`of ${method} from a cookie: ${asks}`, async t => {
      const { client, jar, csrf } = await loggedIn(t)
      const send = (headers: readonly Header[], path = '/protected') =>
        outcome(client, { method, path, headers: [cookie(jar), ...headers] })
      assert.equal(await send([]), asks ? MISSING : '200')
      assert.equal(await send([['X-CSRF-TOKEN', 'wrong']]), asks ? WRONG : '200')
      assert.equal(await send([['X-CSRF-TOKEN', csrf]]), '200')
      assert.equal(await send([], '/always'), MISSING)
      assert.equal(await send([], '/never'), '200')
    })
  }

  test('never of a token that did not come from a cookie', async t => {
    const { client, jar } = await loggedIn(t)
    const headers = [bearer(jar.access_token_cookie ?? '')]
    for (const path of ['/protected', '/always'])
      assert.equal(await outcome(client, { method: 'POST', path, headers }), '200')
  })

  test('of no method where cookies are not protected, or none is listed', async t => {
    for (const options of [{ cookieCsrfProtect: false }, { csrfMethods: ['TRACE'] }]) {
      const { client, jar } = await loggedIn(t, options)
      assert.equal(await outcome(client, { method: 'POST', path: '/protected', headers: [cookie(jar)] }), '200')
    }
  })
})

describe('the CSRF value that is sent', () => {
  test('must be the token’s, byte for byte, whatever else it is', async t => {
    const { client, jar, csrf } = await loggedIn(t)
    const wrong = [
      'a',
      csrf.slice(1),
      `${csrf}a`,
      `a${csrf}`,
      csrf.toUpperCase(),
      'x'.repeat(csrf.length),
      'x'.repeat(8000),
      'é'.repeat(18),
      '\xff'.repeat(36),
    ]
    for (const value of wrong) {
      if (value === csrf) continue
      assert.equal(
        await outcome(client, { method: 'POST', path: '/protected', headers: [cookie(jar), ['X-CSRF-TOKEN', value]] }),
        WRONG,
        value,
      )
    }
    const twice: Header[] = [
      ['X-CSRF-TOKEN', csrf],
      ['X-CSRF-TOKEN', csrf],
    ]
    assert.equal(await outcome(client, { method: 'POST', path: '/protected', headers: [cookie(jar), ...twice] }), WRONG)
    assert.equal(
      await outcome(client, { method: 'POST', path: '/protected', headers: [cookie(jar), ['X-CSRF-TOKEN', '']] }),
      MISSING,
    )
  })

  test('is not taken from the CSRF cookie, which the browser sends by itself', async t => {
    const { client, jar } = await loggedIn(t)
    assert.ok(jar.csrf_access_token)
    assert.equal(await outcome(client, { method: 'POST', path: '/protected', headers: [cookie(jar)] }), MISSING)
  })

  test('may come in a form field if that is configured, and only there', async t => {
    const body = (csrf: string) => `csrf_token=${csrf}`
    const closed = await loggedIn(t)
    const sent = (scene: Scene, text: string, type: Header = FORM): Sent => ({
      method: 'POST',
      path: '/protected',
      headers: [cookie(scene.jar), type],
      body: text,
    })
    assert.equal(await outcome(closed.client, sent(closed, body(closed.csrf))), MISSING)

    const open = await loggedIn(t, { csrfCheckForm: true })
    assert.equal(await outcome(open.client, sent(open, body(open.csrf))), '200')
    assert.equal(await outcome(open.client, sent(open, body('wrong'))), WRONG)
    assert.equal(await outcome(open.client, sent(open, body(''))), MISSING)
    assert.equal(await outcome(open.client, sent(open, `${body(open.csrf)}&${body(open.csrf)}`)), MISSING)
    const json = JSON.stringify({ csrf_token: open.csrf })
    assert.equal(await outcome(open.client, sent(open, json, ['Content-Type', 'application/json'])), MISSING)
    assert.equal(await outcome(open.client, { ...sent(open, ''), path: `/protected?csrf_token=${open.csrf}` }), MISSING)
    const headerToo = {
      ...sent(open, body(open.csrf)),
      headers: [cookie(open.jar), FORM, ['X-CSRF-TOKEN', 'wrong'] as const],
    }
    assert.equal(await outcome(open.client, headerToo), WRONG)
  })

  test('of one type of token is not that of the other where their headers differ', async t => {
    const { client, jar, csrf } = await loggedIn(t, { refreshCsrfHeaderName: 'X-Refresh' })
    const refresh = (name: string) =>
      outcome(client, { method: 'POST', path: '/refresh', headers: [cookie(jar), [name, csrf]] })
    assert.equal(await refresh('X-CSRF-TOKEN'), MISSING)
    assert.equal(await refresh('X-Refresh'), '200')
  })

  test('of another session is wrong', async t => {
    const { client, jar, authx } = await loggedIn(t)
    const other = await authx.createTokenPair('test')
    const value = authx.getCsrfToken(other.access_token) ?? ''
    assert.equal(
      await outcome(client, { method: 'POST', path: '/protected', headers: [cookie(jar), ['X-CSRF-TOKEN', value]] }),
      WRONG,
    )
  })

  test('cannot make up for a token from a cookie that has none', async t => {
    const { client } = await loggedIn(t, { now: undefined })
    const now = Math.floor(Date.now() / 1000)
    for (const csrf of [undefined, '']) {
      const token = forgeWith({ csrf, iat: now, exp: now + 60 })
      for (const value of ['', 'undefined', 'null', '5', 'a', '[object Object]']) {
        const headers = [cookie({ access_token_cookie: token }), ['X-CSRF-TOKEN', value] as const]
        assert.equal(await outcome(client, { method: 'POST', path: '/protected', headers }), MISSING)
        assert.equal(await outcome(client, { path: '/protected', headers }), '200')
      }
    }
  })

  test('cannot be there for a token of others, and the cause says what to do', () => {
    const { config } = internalsOf(makeAuthX())
    const ctx = { method: 'POST', req: { headers: {} } } as RequestContext
    const token = { type: 'access' } as TokenPayload
    const check = () => checkCsrf(ctx, { location: 'cookies', type: 'access' }, token, config)
    assert.throws(check, ({ code, cause }: Error & { code?: string }) => {
      return code === 'ERR_CSRF_MISSING' && /csrfCheck 'origin'/.test(String(cause))
    })
  })
})
