import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import Koa from 'koa'
import { MemoryTokenStore } from '../../stores/memory.js'
import { appOf, bearer, cookie, makeAuthX, serve } from '../support/app.js'

test('a request that is printed shows nothing that the library keeps of it', async t => {
  const authx = makeAuthX({ store: new MemoryTokenStore(), tokenLocation: ['headers', 'cookies'] })
  const { access_token: token } = await authx.createTokenPair('test')
  const csrf = String(authx.getCsrfToken(token))
  const printed: string[] = []
  const symbols: symbol[] = []
  const app = appOf(authx.middleware(), authx.accessTokenRequired() as Koa.Middleware, ctx => {
    // What the client has sent is its own; what counts is what stands there besides.
    ctx.req.headers = {}
    ctx.req.rawHeaders = []
    for (const showHidden of [false, true]) {
      const { httpVersion, ...own } = Object.getOwnPropertyDescriptors(ctx.req)
      for (const key of Object.getOwnPropertySymbols(own)) {
        if (String(key).includes('koa-authx')) printed.push(inspect(Object(ctx.req)[key], { depth: 9, showHidden }))
      }
    }
    symbols.push(...Object.getOwnPropertySymbols({ ...ctx.req }))
    printed.push(inspect({ ...ctx.req, socket: null, client: null }, { depth: 6 }), JSON.stringify(ctx))
    ctx.body = 'in'
  })
  const client = await serve(t, app)
  for (const header of [bearer(token), cookie({ access_token_cookie: token })]) {
    assert.equal((await client({ headers: [header] })).text, 'in')
  }
  assert.equal(printed.length, 8)
  for (const text of printed) assert.ok(!text.includes(token) && !text.includes(csrf))
  assert.ok(!symbols.some(symbol => String(symbol).includes('koa-authx')))
})

test('a request of a test kit, without rawHeaders, is judged like any other', async () => {
  const authx = makeAuthX({ store: new MemoryTokenStore(), tokenLocation: ['headers', 'query'] })
  const { access_token: token } = await authx.createTokenPair('test')
  const requestWith = (authorization: string | undefined) => {
    const req = { method: 'GET', url: '/', headers: { ...(authorization && { authorization }) }, socket: {} }
    const res = { getHeaders: () => ({}), setHeader() {}, getHeader() {}, removeHeader() {} }
    return new Koa().createContext(req as never, res as never)
  }
  const judge = async (ctx: Koa.Context) => {
    await authx.accessTokenRequired()(ctx as never, async () => {})
    return ctx.state.token.sub
  }
  assert.equal(await judge(requestWith(`Bearer ${token}`)), 'test')
  await assert.rejects(judge(requestWith(undefined)), { name: 'MissingTokenError' })
  await assert.rejects(judge(requestWith('Bearer a b')), { name: 'MalformedTokenRequestError' })
  assert.equal(authx.getTokenFromRequest(requestWith(`Bearer ${token}`))?.token, token)
})
