import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { AuthXClient } from 'koa-authx/client'
import { until } from '../support/until.js'
import { CREDENTIALS, loggedIn } from './scene.js'
import { clientOf, json } from './stub.js'
import { browserOf } from './tabs.js'

/** Lets the timers that are over, and what follows from them, run. */
const rounds = async (count: number) => {
  for (let n = 0; n < count; n++) await new Promise(done => setTimeout(done, 1))
}

describe('refreshing by itself', () => {
  for (const [what, answer] of [
    ['does not say how long a token is valid', () => new Response(null, { status: 204 })],
    ['gives tokens that have ended already', () => json({ token_type: 'bearer', expires_in: 0 })],
    ['gives tokens whose time is null', () => json({ token_type: 'bearer', expires_in: null })],
    ['cannot be reached', () => Promise.reject(new TypeError('fetch failed'))],
    ['is out of order', () => json({ error_type: 'StoreUnavailableError' }, 503)],
  ] as const) {
    test(`pauses if the server ${what}, however often the state is read`, async t => {
      const { client, count } = clientOf('cookies', answer)
      t.after(() => client.close())
      client.startAutoRefresh()
      await until(() => count('/refresh') > 0)
      for (let n = 0; n < 20; n++) {
        await rounds(3)
        client.state
      }
      await client.refresh().catch(() => {})
      await rounds(20)
      assert.ok(count('/refresh') <= 4, `${count('/refresh')} refreshes`)
    })
  }
})

test('a time that is null is not known: no request has to be preceded by a refresh', async () => {
  const answer = () => json({ access_token: 'a.e30.c', refresh_token: 'r', expires_in: null })
  const { client, count } = clientOf('headers', answer)
  await client.login({})
  await client.fetch('/x')
  assert.equal(count('/refresh'), 0)
})

describe('no call waits without end', () => {
  const never = () => new Promise<never>(() => {})
  const limits = { timeouts: { lock: 20, login: 20, refresh: 20, logout: 20 } }
  const good = () => json({ access_token: 'a.e30.c', refresh_token: 'r', token_type: 'bearer' })

  for (const method of ['getItem', 'setItem', 'removeItem'])
    test(`for ${method} of a storage`, { timeout: 20_000 }, async () => {
      const storage = { getItem: () => null, setItem() {}, removeItem() {}, [method]: never }
      const { client } = clientOf('headers', good, { ...limits, storage })
      await client.login({}).catch(() => {})
      await client.refresh().catch(() => {})
      await client.fetch('/x')
      await client.logout().catch(() => {})
      await client.login({}).catch(() => {})
      assert.equal(client.loggedIn, true)
    })

  test('for cookies', { timeout: 20_000 }, async () => {
    const { client } = clientOf('cookies', good, { ...limits, cookies: never })
    await assert.rejects(client.ready, { name: 'TimeoutError' })
    await Promise.allSettled([client.login({}), client.refresh(), client.logout(), client.fetch('/x')])
  })
})

test('a request is sent three times at most, however often other tabs say that they have refreshed', async t => {
  const { server } = await loggedIn(t, 'cookies')
  const browser = browserOf(t, server)
  let sent = 0
  const one = await browser.tab('cookies', {
    fetch: async (input, init) => {
      if (!String(input).endsWith('/slow')) return server.jar.fetch(input, init)
      let told = 0
      const stop = one.on('refresh', () => told++)
      if (sent++ < 10) {
        browser.post({ type: 'refresh' })
        await until(() => told > 0)
      }
      stop()
      return json({ error_type: 'TokenExpiredError' }, 401)
    },
  })
  assert.equal((await one.fetch('/slow')).status, 401)
  assert.ok(sent <= 3, `${sent} times`)
})

test('a time limit is a number of milliseconds that a timer can wait for', () => {
  for (const name of ['login', 'refresh', 'logout', 'lock'])
    for (const value of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31])
      assert.throws(
        () => new AuthXClient({ tokens: 'headers', baseUrl: 'http://api.example', timeouts: { [name]: value } }),
        { name: 'TypeError', message: /^timeouts\./ },
        `${name}: ${value}`,
      )
})

test('a request that was aborted before it began refreshes nothing', async t => {
  const { server } = await loggedIn(t, 'dual')
  const client = server.client()
  const reason = new Error('TEST: given up')
  await assert.rejects(client.fetch('/protected', { signal: AbortSignal.abort(reason) }), reason)
  await rounds(1)
  // Its turn comes after that of a refresh.
  await client.login(CREDENTIALS)
  assert.equal(server.count('POST /refresh'), 0)
})
