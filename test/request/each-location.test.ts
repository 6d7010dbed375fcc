import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { appOf, bearer, makeAuthX, type Sent, serve } from '../support/app.js'
import { finderOf, found, json } from './finder.js'

describe('headers', () => {
  const FOUND: readonly [value: string, found: string | number][] = [
    ['Bearer T', 'headers:T'],
    ['bearer T', 'headers:T'],
    ['BEARER T', 'headers:T'],
    ['bEaReR    T', 'headers:T'],
    ['Bearer T  ', 'headers:T'],
    ['Bearer', 'nothing'],
    ['Bearer ', 'nothing'],
    ['', 'nothing'],
    ['T', 'nothing'],
    ['BearerT', 'nothing'],
    ['Bearerx T', 'nothing'],
    ['Basic T', 'nothing'],
    ['Bearer a b', 400],
    ['Bearer  a  b', 400],
    ['Bearer Bearer T', 400],
  ]
  for (const [value, expected] of FOUND) {
    test(`Authorization: '${value}' is ${expected}`, async t =>
      assert.equal(await found(await finderOf(t), { headers: [['Authorization', value]] }), expected))
  }

  test('sent twice are malformed, whatever they hold', async t => {
    const client = await finderOf(t)
    for (const [one, other] of [
      ['Bearer T', 'Bearer T'],
      ['Bearer T', 'Basic T'],
      ['Basic T', 'Bearer T'],
      ['', 'Bearer T'],
    ]) {
      const headers = [
        ['Authorization', one ?? ''],
        ['authorization', other ?? ''],
      ] as const
      assert.equal(await found(client, { headers }), 400)
    }
    const custom = await finderOf(t, { headerName: 'X-Token' })
    assert.equal(
      await found(custom, {
        headers: [
          ['X-Token', 'Bearer T'],
          ['x-token', 'Bearer T'],
        ],
      }),
      400,
    )
  })

  test('of another name and scheme are found by them', async t => {
    const client = await finderOf(t, { headerName: 'X-Token', headerType: 'JWT' })
    assert.equal(await found(client, { headers: [['x-token', 'jwt T'], bearer('H')] }), 'headers:T')
    assert.equal(await found(client, { headers: [['X-Token', 'Bearer T']] }), 'nothing')
  })

  test('without a scheme hold nothing but the token', async t => {
    const client = await finderOf(t, { headerName: 'X-Token', headerType: '' })
    assert.equal(await found(client, { headers: [['X-Token', 'T']] }), 'headers:T')
    assert.equal(await found(client, { headers: [['X-Token', '']] }), 'nothing')
    assert.equal(await found(client, { headers: [['X-Token', 'Bearer T']] }), 400)
  })
})

describe('cookies', () => {
  const FOUND: readonly [header: string, found: string | number][] = [
    ['access_token_cookie=T', 'cookies:T'],
    ['a=b; access_token_cookie=T; c=d', 'cookies:T'],
    ['a=b;access_token_cookie=T;c=d', 'cookies:T'],
    ['access_token_cookie="T"', 'cookies:T'],
    ['access_token_cookie=T; access_token_cookie=T', 'cookies:T'],
    ['access_token_cookie="T"; access_token_cookie=T', 'cookies:T'],
    ['access_token_cookie=; access_token_cookie=T', 'cookies:T'],
    ['access_token_cookie=T=', 'cookies:T='],
    ['access_token_cookie=', 'nothing'],
    ['access_token_cookie=""', 'nothing'],
    ['access_token_cookie', 'nothing'],
    ['\u00a0access_token_cookie=T', 'nothing'],
    ['a=b; \u00a0access_token_cookie=T', 'nothing'],
    ['xaccess_token_cookie=T', 'nothing'],
    ['access_token_cookiex=T', 'nothing'],
    ['Access_Token_Cookie=T', 'nothing'],
    ['a=access_token_cookie=T', 'nothing'],
    ['refresh_token_cookie=T', 'nothing'],
    ['access_token_cookie=T; access_token_cookie=U', 400],
    ['access_token_cookie=T; a=b; access_token_cookie=t', 400],
  ]
  for (const [header, expected] of FOUND) {
    test(`${header} is ${expected}`, async t =>
      assert.equal(await found(await finderOf(t), { headers: [['Cookie', header]] }), expected))
  }
})

describe('JSON bodies', () => {
  const FOUND: readonly [what: string, sent: Sent, found: string | number][] = [
    ['a token', json({ access_token: 'T' }), 'json:T'],
    ['a charset', json({ access_token: 'T' }, 'application/json; charset=utf-8'), 'json:T'],
    ['another spelling of the type', json({ access_token: 'T' }, 'Application/JSON;charset=UTF-8'), 'json:T'],
    ['no token', json({ other: 'T' }), 'nothing'],
    ['null', json({ access_token: null }), 'nothing'],
    ['an empty token', json({ access_token: '' }), 'nothing'],
    ['a number', json({ access_token: 5 }), 400],
    ['a list', json({ access_token: ['T'] }), 400],
    ['an object', json({ access_token: { a: 'T' } }), 400],
    ['false', json({ access_token: false }), 400],
    ['a list as a body', json([{ access_token: 'T' }]), 'nothing'],
    ['a prototype', json('{"__proto__":{"access_token":"T"}}'), 'nothing'],
    ['a form', { ...json('access_token=T', 'application/x-www-form-urlencoded') }, 'nothing'],
    ['text', json('{"access_token":"T"}', 'text/plain'), 'nothing'],
    ['another JSON type', json({ access_token: 'T' }, 'application/jsonx'), 'nothing'],
    ['no body', {}, 'nothing'],
  ]
  for (const [what, sent, expected] of FOUND) {
    test(`with ${what}: ${expected}`, async t => assert.equal(await found(await finderOf(t), sent), expected))
  }

  test('hold a refresh token under its own name', async t => {
    const client = await finderOf(t, {}, 'refresh')
    assert.equal(await found(client, json({ access_token: 'A', refresh_token: 'R' })), 'json:R')
  })

  test('a member is the body’s own, not Object’s', async t => {
    const client = await finderOf(t, { jsonKey: 'constructor' })
    assert.equal(await found(client, json({})), 'nothing')
  })
})

describe('the query', () => {
  const FOUND: readonly [path: string, found: string | number][] = [
    ['/?token=T', 'query:T'],
    ['/?a=b&token=T', 'query:T'],
    ['/?token=', 'nothing'],
    ['/?token', 'nothing'],
    ['/?Token=T', 'nothing'],
    ['/?token[]=T', 'nothing'],
    ['/?token=T&token=T', 400],
    ['/?token=T&token=U', 400],
    ['/?token=&token=T', 400],
  ]
  for (const [path, expected] of FOUND) {
    test(`${path} is ${expected}`, async t => assert.equal(await found(await finderOf(t), { path }), expected))
  }

  test('is read without Koa’s parser, which takes the square of the number of parameters', async t => {
    const authx = makeAuthX({ tokenLocation: ['query'] })
    const app = appOf(ctx => {
      const get = () => assert.fail('read by Koa')
      Object.defineProperty(ctx, 'query', { get })
      ctx.body = authx.getTokenFromRequest(ctx)?.token
    })
    const { text } = await (await serve(t, app))({ path: `/?${'a&'.repeat(7000)}%74oken=T` })
    assert.equal(text, 'T')
  })
})
