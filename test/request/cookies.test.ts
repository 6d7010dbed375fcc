import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { AuthXOptions } from '../../src/index.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { appOf, cookie, makeAuthX, serve } from '../support/app.js'
import { contentOf } from '../support/signing.js'
import { inCookies, loginReply, replyTo } from './reply.js'

/** Lines without the values of tokens, which differ each time. */
const shapes = (lines: readonly string[]) => lines.map(line => line.replace(/=[^;]*/, '=…'))

/** The lines of a login, by the options that shape them. */
const SHAPES: readonly [options: AuthXOptions, lines: readonly string[]][] = [
  [
    {},
    [
      'access_token_cookie=…; Path=/; Secure; HttpOnly; SameSite=Lax',
      'csrf_access_token=…; Path=/; Secure; SameSite=Lax',
      'refresh_token_cookie=…; Path=/; Secure; HttpOnly; SameSite=Lax',
      'csrf_refresh_token=…; Path=/; Secure; SameSite=Lax',
    ],
  ],
  [
    { sessionCookie: false, cookieSamesite: 'strict', cookieDomain: 'example.com', csrfInCookies: false },
    [
      'access_token_cookie=…; Path=/; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Secure; HttpOnly; SameSite=Strict',
      'access_token_cookie=…; Path=/; Domain=example.com; Max-Age=900; Secure; HttpOnly; SameSite=Strict',
      'refresh_token_cookie=…; Path=/; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Secure; HttpOnly; SameSite=Strict',
      'refresh_token_cookie=…; Path=/; Domain=example.com; Max-Age=1728000; Secure; HttpOnly; SameSite=Strict',
    ],
  ],
  [
    {
      cookieMaxAge: '90.5s',
      cookieCsrfProtect: false,
      cookieHttpOnly: false,
      refreshCookiePath: '/refresh',
      cookieSamesite: 'none',
    },
    [
      'access_token_cookie=…; Path=/; Max-Age=90; Secure; SameSite=None',
      'refresh_token_cookie=…; Path=/refresh; Max-Age=90; Secure; SameSite=None',
    ],
  ],
  [
    {
      tokenLocation: { access: ['headers'], refresh: ['cookies'] },
      refreshCookieName: '__Host-r',
      refreshCsrfCookieName: '__Secure-c',
      refreshCsrfCookiePath: '/app',
    },
    ['__Host-r=…; Path=/; Secure; HttpOnly; SameSite=Lax', '__Secure-c=…; Path=/app; Secure; SameSite=Lax'],
  ],
]

describe('the cookies of a login', () => {
  for (const [options, lines] of SHAPES) {
    test(`with ${JSON.stringify(options)}`, async t => {
      assert.deepEqual(shapes((await loginReply(t, inCookies(options))).cookies), lines)
    })
  }

  test('are cleared with the same attributes and an end in the past', async t => {
    for (const [options] of SHAPES) {
      const authx = inCookies(options)
      const set = await loginReply(t, authx)
      const jar = Object.fromEntries(set.cookies.map(line => (line.split(';')[0] ?? '').split(/=(.*)/s, 2)))
      const csrf = contentOf(jar.refresh_token_cookie ?? jar['__Host-r'] ?? '').claims.csrf
      const app = appOf(authx.middleware(), async ctx => {
        await authx.logout(ctx)
        ctx.status = 204
      })
      const { status, cookies } = await (await serve(t, app))({
        method: 'POST',
        headers: [cookie(jar), ['X-CSRF-TOKEN', String(csrf)]],
      })
      assert.equal(status, 204)
      const ended = '; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT'
      const cleared = cookies.map(line => line.replace(ended, ''))
      assert.ok(cookies.every(line => line.includes(ended)))
      assert.deepEqual(
        cleared,
        set.cookies.map(line =>
          line
            .replace(ended, '')
            .replace(/=[^;]*/, '=')
            .replace(/; Max-Age=\d+/, ''),
        ),
      )
    }
  })

  test('are never signed, though the app has keys', async t => {
    const authx = inCookies()
    const { cookies } = await replyTo(
      t,
      authx,
      ctx => authx.login(ctx, 'test'),
      app => {
        app.keys = ['TEST_ONLY_cookie_key']
      },
    )
    assert.deepEqual(
      cookies.filter(line => line.includes('.sig=')),
      [],
    )
  })

  test('replace those set before in the same response, and no others', async t => {
    const authx = inCookies()
    const { cookies } = await replyTo(t, authx, async ctx => {
      ctx.cookies.set('theme', 'dark')
      await authx.login(ctx, 'first')
      await authx.login(ctx, 'second')
      ctx.cookies.set('lang', 'en')
    })
    const names = cookies.map(line => line.split('=')[0])
    assert.deepEqual(names.sort(), [
      'access_token_cookie',
      'csrf_access_token',
      'csrf_refresh_token',
      'lang',
      'refresh_token_cookie',
      'theme',
    ])
    const token = cookies.find(line => line.startsWith('access_token_cookie='))?.split(/[=;]/)[1] ?? ''
    assert.equal(contentOf(token).claims.sub, 'second')
  })

  test('hold the CSRF value of the token beside them, in one that scripts can read', async t => {
    const { cookies } = await loginReply(t, inCookies())
    const [access = '', csrf = ''] = cookies.map(line => line.split(/[=;]/)[1] ?? '')
    assert.equal(contentOf(access).claims.csrf, csrf)
  })

  test('one over 4096 bytes is an error before anything is set or opened', async t => {
    const authx = inCookies({ store: new MemoryTokenStore() })
    const data = { a: 'x'.repeat(3000) }
    const reply = await replyTo(t, authx, ctx => authx.login(ctx, 'test', { data }))
    assert.deepEqual([reply.status, reply.json.error_type, reply.cookies], [500, 'CookieTooLargeError', []])
    assert.deepEqual(await authx.listSessions('test'), [])
    // Only the cookie has this limit.
    const inHeaders = makeAuthX()
    assert.equal((await replyTo(t, inHeaders, ctx => inHeaders.login(ctx, 'test', { data }))).status, 200)
  })
})
