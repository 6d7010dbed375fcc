import assert from 'node:assert/strict'
import { test } from 'node:test'
import Koa from 'koa'
import { AuthX } from '../../src/index.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { TEST_SECRET } from '../support/app.js'
import { newTab, newVisitor } from './support/browser.js'
import { serveSite } from './support/site.js'

for (const tls of [false, true]) {
  test(`the browser keeps the token cookies from scripts, over ${tls ? 'https' : 'http on localhost'}`, async t => {
    const authx = new AuthX({ secretKey: TEST_SECRET, store: new MemoryTokenStore(), tokenLocation: ['cookies'] })
    const app = new Koa()
    app.use(async ctx => {
      if (ctx.path === '/login') ctx.body = await authx.login(ctx, 'ada')
      else ctx.body = '<!doctype html>'
    })
    const site = await serveSite(t, app, { tls })
    const visitor = await newVisitor(t)
    const tab = await newTab(visitor, site.origin)
    const seen = await tab.evaluate(async () => {
      await fetch('/login', { method: 'POST' })
      return document.cookie
    })
    assert.match(seen, /csrf_access_token/)
    assert.doesNotMatch(seen, /token_cookie/)
    const flags = (await visitor.cookies()).map(({ name, httpOnly, secure, sameSite }) => [
      name,
      httpOnly,
      secure,
      sameSite,
    ])
    assert.deepEqual(flags.sort(), [
      ['access_token_cookie', true, true, 'Lax'],
      ['csrf_access_token', false, true, 'Lax'],
      ['csrf_refresh_token', false, true, 'Lax'],
      ['refresh_token_cookie', true, true, 'Lax'],
    ])
  })
}
