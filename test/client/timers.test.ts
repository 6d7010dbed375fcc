import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import type { AuthXClient, AuthXClientOptions } from 'koa-authx/client'
import { until } from '../support/until.js'
import { platform } from './platform.js'
import { CREDENTIALS, MODES, scene } from './scene.js'

/** A client that has logged in, whose timers run when `pass` says that this many seconds have passed. */
async function timed(t: TestContext, tokens: (typeof MODES)[number]) {
  const server = await scene(t, tokens, { accessTokenExpires: 100 })
  let nowMs = 0
  const realm = await platform([], { performance: { now: () => nowMs } })
  const { origin, jar } = server
  const client = new realm.AuthXClient({ tokens, baseUrl: origin, fetch: jar.fetch, cookies: jar.cookies })
  t.after(() => client.close())
  const heard: string[] = []
  for (const type of ['expired', 'refresh', 'logout'] as const) client.on(type, () => heard.push(type))
  await client.login(CREDENTIALS)
  const pass = (seconds: number) => {
    nowMs += seconds * 1000
    server.clock.advance(seconds)
    realm.expire()
  }
  /** The listeners are called asynchronously. */
  const told = async () => {
    await new Promise(setImmediate)
    return heard.splice(0)
  }
  return { server, client, heard, pass, told }
}

for (const tokens of MODES) {
  describe(`the access token of a client with tokens: '${tokens}'`, () => {
    test('whose time is over is told once for each, and the user stays logged in', async t => {
      const { server, client, pass, told } = await timed(t, tokens)
      pass(99)
      assert.deepEqual(await told(), [])
      pass(1)
      assert.deepEqual(await told(), ['expired'])
      pass(1)
      assert.deepEqual([await told(), client.loggedIn, server.count('POST /refresh')], [[], true, 0])
      await client.refresh()
      pass(100)
      assert.deepEqual(await told(), ['refresh', 'expired'])
    })

    test('is not told as expired while a refresh is under way', async t => {
      const { server, client, pass, told } = await timed(t, tokens)
      server.fate = line => (line === 'POST /refresh' && server.count(line) === 1 ? 'held' : undefined)
      const refreshed = client.refresh()
      await until(() => server.count('POST /refresh') === 1)
      pass(100)
      await refreshed
      assert.deepEqual(await told(), ['refresh'])
    })

    test('is renewed by itself between startAutoRefresh and stopAutoRefresh, and after a failure too', async t => {
      const { server, client, heard, pass, told } = await timed(t, tokens)
      client.startAutoRefresh()
      pass(69)
      assert.deepEqual([await told(), server.count('POST /refresh')], [[], 0])
      pass(1)
      await until(() => heard.length > 0)
      assert.deepEqual([await told(), server.count('POST /refresh')], [['refresh'], 1])
      server.store.down()
      pass(70)
      await until(() => server.count('POST /refresh') > 1)
      // Joins the refresh that is under way.
      await assert.rejects(client.refresh(), { status: 503 })
      server.store.heal()
      assert.deepEqual([await told(), client.loggedIn], [[], true])
      pass(30)
      await until(() => heard.length > 0)
      assert.deepEqual(await told(), ['refresh'])
      client.stopAutoRefresh()
      const before = server.count('POST /refresh')
      pass(100)
      assert.deepEqual([await told(), server.count('POST /refresh')], [['expired'], before])
    })
  })
}

const never = () => new Promise<never>(() => {})

/** How long a call whose request nobody answers waits for one thing after another, in milliseconds. */
async function waitsOf(call: (client: AuthXClient) => Promise<unknown>, options: Partial<AuthXClientOptions> = {}) {
  const realm = await platform([])
  const client = new realm.AuthXClient({ tokens: 'headers', baseUrl: 'http://api.example', fetch: never, ...options })
  const waits: number[] = []
  let isOver = false
  const end = () => {
    isOver = true
  }
  call(client).then(end, end)
  while (!isOver) {
    await new Promise(setImmediate)
    waits.push(...realm.waitsMs)
    realm.expire()
  }
  return waits
}

describe('without timeouts of the application, a client', () => {
  test('waits 60 seconds for the answer to a login', async () => {
    assert.deepEqual(await waitsOf(client => client.login({})), [60_000])
  })

  test('waits 3 seconds for the first answer to a refresh, and 8 seconds for the second', async () => {
    assert.deepEqual(await waitsOf(client => client.refresh()), [3000, 8000])
  })

  test('waits 8 seconds for the answer to a logout', async () => {
    assert.deepEqual(await waitsOf(client => client.logout()), [8000])
  })

  test('waits 12 seconds for the lock, and goes on without it', async () => {
    assert.deepEqual(await waitsOf(client => client.logout(), { lock: never }), [12_000, 8000])
  })
})
