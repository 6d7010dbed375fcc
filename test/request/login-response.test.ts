import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type Koa from 'koa'
import type { AuthXOptions } from '../../src/index.js'
import { contentOf, verdictOf } from '../support/signing.js'
import { inCookies, loginReply, replyTo } from './reply.js'

describe('the body of a login', () => {
  const TABLE: readonly [what: string, options: AuthXOptions, members: readonly string[]][] = [
    ['headers', { tokenLocation: ['headers'] }, ['access_token', 'expires_in', 'refresh_token', 'token_type']],
    ['cookies', {}, ['expires_in', 'token_type']],
    ['both', { tokenLocation: ['headers', 'cookies'] }, ['access_token', 'expires_in', 'refresh_token', 'token_type']],
    [
      'one each',
      { tokenLocation: { access: ['headers'], refresh: ['cookies'] } },
      ['access_token', 'expires_in', 'token_type'],
    ],
    ['the CSRF value in the body', { csrfInCookies: false }, ['csrf_token', 'expires_in', 'token_type']],
    ['no CSRF protection', { csrfInCookies: false, cookieCsrfProtect: false }, ['expires_in', 'token_type']],
    [
      'no cookies',
      { csrfInCookies: false, tokenLocation: ['json'] },
      ['access_token', 'expires_in', 'refresh_token', 'token_type'],
    ],
  ]
  for (const [what, options, members] of TABLE) {
    test(`with ${what} holds ${members.join(', ')}`, async t => {
      const { json, headers } = await loginReply(t, inCookies(options))
      assert.deepEqual(Object.keys(json).sort(), members)
      assert.deepEqual([json.token_type, json.expires_in, headers['cache-control']], ['bearer', 900, 'no-store'])
    })
  }

  test('holds the CSRF value that the cookies’ tokens hold', async t => {
    const { json, cookies } = await loginReply(t, inCookies({ csrfInCookies: false }))
    for (const line of cookies) assert.equal(contentOf(line.split(/[=;]/)[1] ?? '').claims.csrf, json.csrf_token)
  })
})

describe('setting and clearing cookies by hand', () => {
  test('sets each token with its CSRF value', async t => {
    const authx = inCookies()
    const pair = await authx.createTokenPair('test')
    const { cookies } = await replyTo(t, authx, ctx => {
      authx.setAccessCookies(ctx, pair.access_token)
      authx.setRefreshCookies(ctx, pair.refresh_token)
    })
    const names = ['access_token_cookie', 'csrf_access_token', 'refresh_token_cookie', 'csrf_refresh_token']
    assert.deepEqual(
      cookies.map(line => line.split('=')[0]),
      names,
    )
    const values = cookies.map(line => line.split(/[=;]/)[1])
    const csrf = authx.getCsrfToken(pair.access_token)
    assert.deepEqual(values, [pair.access_token, csrf, pair.refresh_token, csrf])
  })

  test('clears each, or both', async t => {
    const authx = inCookies()
    const names = async (clear: (ctx: Koa.Context) => void) =>
      (await replyTo(t, authx, clear)).cookies.map(line => line.split('=')[0])
    const [access, refresh] = [
      ['access_token_cookie', 'csrf_access_token'],
      ['refresh_token_cookie', 'csrf_refresh_token'],
    ]
    assert.deepEqual(await names(ctx => authx.unsetAccessCookies(ctx)), access)
    assert.deepEqual(await names(ctx => authx.unsetRefreshCookies(ctx)), refresh)
    assert.deepEqual(await names(ctx => authx.unsetCookies(ctx)), [...(access ?? []), ...(refresh ?? [])])
  })

  test('refuses what is not a good token of the type', async t => {
    const authx = inCookies()
    const { access_token, refresh_token } = await authx.createTokenPair('test')
    const verdicts: string[] = []
    const { cookies } = await replyTo(t, authx, async ctx => {
      verdicts.push(await verdictOf(() => authx.setAccessCookies(ctx, refresh_token)))
      verdicts.push(await verdictOf(() => authx.setRefreshCookies(ctx, access_token)))
      verdicts.push(await verdictOf(() => authx.setAccessCookies(ctx, 'a; Domain=evil.example')))
    })
    assert.deepEqual(verdicts, ['AccessTokenRequiredError', 'RefreshTokenRequiredError', 'JWTDecodeError'])
    assert.deepEqual(cookies, [])
  })
})
