/**
 * A server in a frame of another site, in a browser that blocks third-party cookies. To a browser `localhost`,
 * `127.0.0.1` and `third.localhost` are three sites.
 */
import assert from 'node:assert/strict'
import type { RequestListener } from 'node:http'
import { type TestContext, test } from 'node:test'
import Koa from 'koa'
import type { BrowserContext, Frame } from 'playwright-core'
import type { AuthXOptions } from '../../src/index.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { newTab, newVisitor } from './support/browser.js'
import { CREDENTIALS, pageApp } from './support/page-app.js'
import { type Site, serveSite } from './support/site.js'

const UNPARTITIONED: AuthXOptions = { cookieSamesite: 'none', csrfCheck: 'origin' }
const PARTITIONED: AuthXOptions = { ...UNPARTITIONED, cookiePartitioned: true }

/** A site that shows `framed` in a frame. */
function frameOf(t: TestContext, framed: string): Promise<Site> {
  const around = new Koa().use(ctx => {
    ctx.type = 'html'
    ctx.body = `<!doctype html><title>Another site</title><iframe src="${framed}"></iframe>`
  })
  return serveSite(t, around, { tls: true })
}

async function openFrame(visitor: BrowserContext, url: string): Promise<Frame> {
  const tab = await newTab(visitor, url)
  const frame = tab.frames().find(each => each.parentFrame())
  assert.ok(frame)
  await frame.waitForFunction(() => 'client' in globalThis)
  return frame
}

const login = (frame: Frame) => frame.evaluate(credentials => client.login(credentials), CREDENTIALS)
const isLoggedIn = (frame: Frame) => frame.evaluate(async () => (await fetch('/protected')).ok)

test('without cookiePartitioned, a frame of another site keeps no login', async t => {
  const { origin } = await serveSite(t, pageApp('cookies', UNPARTITIONED).app, { tls: true })
  const around = await frameOf(t, origin)
  const frame = await openFrame(await newVisitor(t), around.at('127.0.0.1'))
  await login(frame).catch(() => {})
  assert.equal(await isLoggedIn(frame), false)
})

test('with cookiePartitioned, a frame has a login of its own in each site that shows it', async t => {
  const api = pageApp('cookies', PARTITIONED)
  const { origin } = await serveSite(t, api.app, { tls: true })
  const around = await frameOf(t, origin)
  const visitor = await newVisitor(t)
  const [one, other] = [around.at('127.0.0.1'), around.at('third.localhost')]
  const first = await openFrame(visitor, one)
  await login(first)
  assert.equal(await first.evaluate(() => statusOf('/protected', 'POST')), 200)
  api.clock.advance('16m')
  assert.equal(await first.evaluate(() => statusOf('/protected', 'POST')), 200)
  assert.equal(api.count('POST /refresh'), 1)
  assert.equal(await isLoggedIn(await openFrame(visitor, one)), true)
  assert.equal(await isLoggedIn(await openFrame(visitor, other)), false)
  await first.evaluate(() => client.logout())
  assert.equal(await isLoggedIn(await openFrame(visitor, one)), false)
})

test('cookies from before cookiePartitioned lock nobody out, and leave the browser with the next login', async t => {
  const store = new MemoryTokenStore()
  const [before, after] = [UNPARTITIONED, PARTITIONED].map(options => pageApp('cookies', { ...options, store }))
  let current: RequestListener | undefined = before?.app.callback()
  const { origin } = await serveSite(t, (request, response) => current?.(request, response), { tls: true })
  const visitor = await newVisitor(t)
  const tab = await newTab(visitor, origin)
  await tab.evaluate(credentials => client.login(credentials), CREDENTIALS)
  current = after?.app.callback()
  assert.equal(await tab.evaluate(() => statusOf('/protected', 'POST')), 200)
  await tab.evaluate(credentials => client.login(credentials), CREDENTIALS)
  assert.equal(await tab.evaluate(() => statusOf('/protected', 'POST')), 200)
  const names = (await visitor.cookies()).map(({ name }) => name)
  assert.equal(names.length, new Set(names).size)
  await tab.evaluate(() => client.logout())
  assert.deepEqual(await visitor.cookies(), [])
})
