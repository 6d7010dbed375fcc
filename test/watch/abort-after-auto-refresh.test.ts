import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import Router from '@koa/router'
import type Koa from 'koa'
import { MemoryTokenStore } from '../../stores/memory.js'
import { appOf, cookie, makeAuthX, serve, TEST_NOW } from '../support/app.js'
import { until } from '../support/until.js'

const HOUR = 3_600_000

const jarOf = (lines: readonly string[]): Record<string, string> =>
  Object.fromEntries(lines.map(line => (line.split(';', 1)[0] ?? '').split('=') as [string, string]))

/**
 * An application whose pages watch their login while they are made, and a browser that has only the refresh token's
 * cookie.
 */
async function watchedPages(t: TestContext) {
  const clock = { now: TEST_NOW }
  const store = new MemoryTokenStore()
  t.after(() => store.close())
  const tokenLocation = ['cookies'] as const
  const authx = makeAuthX({ store, now: () => clock.now, tokenLocation, refreshCookiePath: '/', cookieSecure: false })
  const events: string[] = []
  for (const name of ['refreshed', 'recovered', 'reuse', 'revoked'] as const) authx.on(name, () => events.push(name))
  const signals: AbortSignal[] = []
  const page = { ready: () => setTimeout(20) as Promise<unknown> }
  const router = new Router()
  router.post('/login', async ctx => {
    ctx.body = await authx.login(ctx, 'ada')
  })
  router.get('/page', authx.accessTokenRequired(), async ctx => {
    signals.push(authx.abortWhenOver(ctx as unknown as Koa.Context))
    await page.ready()
    ctx.body = 'a long answer'
  })
  const app = appOf(authx.middleware(), authx.autoRefresh() as Koa.Middleware).use(router.routes())
  const send = await serve(t, app)
  const jar = jarOf((await send({ method: 'POST', path: '/login' })).cookies)
  const name = authx.config.refreshCookieName
  const headers = [cookie({ [name]: String(jar[name]) }), ['Sec-Fetch-Mode', 'navigate'] as const]
  const load = () => send({ path: '/page', headers })
  return { load, clock, events, signals, page }
}

test('a page that autoRefresh has refreshed and that is lost is recovered, although its login was watched', async t => {
  const { load, clock, events } = await watchedPages(t)
  await load()
  clock.now += HOUR
  assert.equal((await load()).status, 200)
  assert.deepEqual(events, ['refreshed', 'recovered'])
})

test('if the lost page is still watched, its signal fires and the session goes on', async t => {
  const { load, clock, events, signals, page } = await watchedPages(t)
  let answer = () => {}
  page.ready = () => new Promise<void>(resolve => (answer = resolve))
  const lost = load()
  await until(() => signals.length === 1)
  clock.now += 60_000
  page.ready = async () => {}
  assert.equal((await load()).status, 200)
  await until(() => signals[0]?.aborted === true)
  assert.equal(signals[0]?.reason.name, 'ReusedTokenError')
  assert.deepEqual(events, ['refreshed', 'recovered'])
  answer()
  await lost
})
