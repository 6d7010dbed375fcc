import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { describe, type TestContext, test } from 'node:test'
import type Koa from 'koa'
import type { AuthXOptions } from '../../src/index.js'
import { appOf, cookie, makeAuthX, type Sent, serve, TEST_NOW } from '../support/app.js'
import { mount } from '../support/mount.js'

const OPTIONS = { tokenLocation: ['cookies'], now: () => TEST_NOW } as const

/** What a visit answers with a token whose end is near; `app` gives the app in which `implicitRefresh()` is mounted. */
async function visit(t: TestContext, handler: Koa.Middleware, sent: Sent = {}, options: AuthXOptions = {}) {
  const authx = makeAuthX({ ...OPTIONS, ...options })
  const token = authx.createAccessToken('ada', { renewable: true, expiry: '1m' })
  const send = await serve(t, appOf(authx.middleware(), authx.implicitRefresh(), handler))
  return send({ ...sent, headers: [cookie({ access_token_cookie: token })] })
}

const page =
  (headers: Record<string, string>, status = 200): Koa.Middleware =>
  ctx => {
    ctx.set(headers)
    ctx.status = status
    ctx.body = status === 304 ? null : 'page'
  }

describe('a response that a shared cache may keep gets no token', () => {
  const KEPT: readonly Record<string, string>[] = [
    { 'Cache-Control': 'private="X-User", max-age=600' },
    { 'Cache-Control': 'max-age=600' },
    { 'Cache-Control': 'PUBLIC' },
    { Expires: new Date(TEST_NOW + 60_000).toUTCString() },
    { 'Cache-Control': 'private', 'Cloudflare-CDN-Cache-Control': 'max-age=60' },
    { 'Cache-Control': 'no-store', 'Surrogate-Control': 'max-age=60' },
    { 'Cache-Control': 'private', 'X-Accel-Expires': '60' },
  ]
  for (const headers of KEPT) {
    test(`as this says: ${JSON.stringify(headers)}`, async t => {
      const { status, cookies, headers: sent } = await visit(t, page(headers))
      assert.deepEqual([status, cookies, sent['cache-control']], [200, [], headers['Cache-Control']])
    })
  }

  test('and neither does a 304, which updates what a cache has', async t => {
    assert.deepEqual((await visit(t, page({}, 304))).cookies, [])
  })

  test('and neither does one that the handler sends past Koa: what it will say is not known', async t => {
    const proxied: Koa.Middleware = ctx => {
      ctx.respond = false
      ctx.res.statusCode = 200
      setImmediate(() => ctx.res.setHeader('Cache-Control', 'public, max-age=600').end('proxied'))
    }
    const { status, cookies } = await visit(t, proxied)
    assert.deepEqual([status, cookies], [200, []])
  })
})

describe('a response that gets a token is kept by no shared cache', () => {
  const MADE_PRIVATE: readonly [headers: Record<string, string>, status: number][] = [
    [{}, 200],
    [{}, 404],
    [{}, 301],
    [{ 'Cache-Control': 'no-cache' }, 200],
    [{ 'Cache-Control': 'max-age=0, must-revalidate' }, 200],
    [{ Expires: '0', Pragma: 'no-cache' }, 200],
    [{ 'CDN-Cache-Control': 'no-store' }, 200],
  ]
  for (const [headers, status] of MADE_PRIVATE) {
    test(`where nothing forbids it yet: ${status} with ${JSON.stringify(headers)}`, async t => {
      const reply = await visit(t, page(headers, status))
      assert.deepEqual([reply.status, reply.cookies.length], [status, 2])
      assert.equal(reply.headers['cache-control'], 'no-store')
    })
  }

  for (const value of ['private, max-age=600', 'No-Store', 'private']) {
    test(`as it has said itself: ${value}`, async t => {
      const { cookies, headers } = await visit(t, page({ 'Cache-Control': value }))
      assert.deepEqual([cookies.length, headers['cache-control']], [2, value])
    })
  }
})

describe('the lists of routes hold the path that the client asked for', () => {
  /** Whether a visit is renewed by `implicitRefresh()` inside of an app that is mounted under /app. */
  async function renewsMounted(t: TestContext, options: AuthXOptions, path: string): Promise<boolean> {
    const authx = makeAuthX({ ...OPTIONS, ...options })
    const inner = appOf(authx.middleware(), authx.implicitRefresh(), ctx => {
      ctx.body = ctx.path
    })
    const token = authx.createAccessToken('ada', { renewable: true, expiry: '1m' })
    const send = await serve(t, appOf(mount('/app', inner)))
    const { status, text, cookies } = await send({ path, headers: [cookie({ access_token_cookie: token })] })
    assert.deepEqual([status, text.startsWith('/app')], [200, false])
    return cookies.length > 0
  }

  const ROWS: readonly [options: AuthXOptions, path: string, renewed: boolean][] = [
    [{ implicitRefreshRouteExclude: ['/app/news'] }, '/app/news', false],
    [{ implicitRefreshRouteExclude: ['/app/news'] }, '/app/news?since=1', false],
    [{ implicitRefreshRouteExclude: ['/app/news'] }, '/app/NEWS/', false],
    [{ implicitRefreshRouteExclude: ['/app/news'] }, '/app/other', true],
    [{ implicitRefreshRouteExclude: ['/news'] }, '/app/news', true],
    [{ implicitRefreshRouteInclude: ['/app/page'] }, '/app/page', true],
    [{ implicitRefreshRouteInclude: ['/page'] }, '/app/page', false],
    [{ implicitRefreshRouteExclude: ['/app'] }, '/app', false],
  ]
  for (const [options, path, renewed] of ROWS) {
    test(`in an app that is mounted: ${path} with ${JSON.stringify(options)}`, async t => {
      assert.equal(await renewsMounted(t, options, path), renewed)
    })
  }

  test('in an app inside of another server, which leaves the whole URL in originalUrl', async t => {
    const authx = makeAuthX({ ...OPTIONS, implicitRefreshRouteExclude: ['/app/news'] })
    const app = appOf(authx.implicitRefresh(), ctx => {
      ctx.body = ctx.path
    })
    const handle = app.callback()
    const server = createServer((request, response) => {
      const originalUrl = request.url ?? ''
      Object.assign(request, { originalUrl, url: originalUrl.replace(/^\/app/, '') })
      return handle(request, response)
    })
    const send = await serve(t, server as never)
    const token = authx.createAccessToken('ada', { renewable: true, expiry: '1m' })
    const visit = (path: string) => send({ path, headers: [cookie({ access_token_cookie: token })] })
    assert.deepEqual([(await visit('/app/news')).text, (await visit('/app/news')).cookies], ['/news', []])
    assert.equal((await visit('/app/other')).cookies.length, 2)
  })

  for (const path of ['http://app.example/news', 'http://app.example/news?since=1', '/news#part']) {
    test(`where a request names ${path}`, async t => {
      const { status, cookies } = await visit(t, page({}), { path }, { implicitRefreshRouteExclude: ['/news'] })
      assert.deepEqual([status, cookies], [200, []])
    })
  }
})
