import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { AuthXClient, type AuthXClientOptions, type ClientState } from 'koa-authx/client'
import { until } from '../support/until.js'
import { CREDENTIALS, heardBy, loggedIn, MODES, OTHERS, scene } from './scene.js'
import { browserOf } from './tabs.js'

/** A storage in memory; its methods return promises if `isSlow`. */
function storageOf(isSlow: boolean) {
  const kept = new Map<string, string>()
  const maybe = <T>(value: T) => (isSlow ? Promise.resolve(value) : value)
  return {
    kept,
    getItem: (key: string) => maybe(kept.get(key) ?? null),
    setItem: (key: string, value: string) => maybe(void kept.set(key, value)),
    removeItem: (key: string) => maybe(void kept.delete(key)),
  }
}

for (const tokens of MODES) {
  describe(`the state of a client with tokens: '${tokens}'`, () => {
    test('is the same frozen object until something changes, and each change is told', async t => {
      const { server, client } = await loggedIn(t, tokens)
      const states: ClientState[] = []
      const { subscribe, getState } = client
      const stop = subscribe(() => states.push(getState()))
      assert.equal(getState(), client.state)
      assert.ok(Object.isFrozen(getState()))
      await client.fetch('/protected')
      assert.equal(states.length, 0)
      await client.refresh()
      const isShown = tokens !== 'cookies'
      assert.deepEqual(
        states.map(({ claims }) => claims?.sub),
        isShown ? ['ada'] : [],
      )
      await server.authx.revokeAllSessions('ada')
      await assert.rejects(client.refresh())
      assert.deepEqual(states.at(-1), { status: 'unauthenticated', reason: 'RevokedTokenError' })
      const before = states.length
      stop()
      await client.login(CREDENTIALS)
      assert.deepEqual([states.length, client.state.status, client.state.reason], [before, 'authenticated', undefined])
    })

    test('shows that another login has begun, also if it says the same', async t => {
      const server = await scene(t, tokens)
      const client = server.client()
      await client.login(CREDENTIALS)
      const states = [client.state]
      client.subscribe(() => states.push(client.state))
      await client.login(OTHERS)
      assert.equal(states.length, 2)
      assert.notEqual(states[0], states[1])
    })

    test('has a token that is good now for others who send requests', async t => {
      const { server, client } = await loggedIn(t, tokens)
      const { headersFor, getAccessToken } = client
      const [read, write] = [
        await headersFor('get', '/protected'),
        await headersFor('post', new URL('/protected', server.origin)),
      ]
      for (const [method, headers] of [
        ['GET', read],
        ['POST', write],
      ] as const)
        assert.equal((await server.jar.fetch(`${server.origin}/protected`, { method, headers })).status, 200)
      assert.deepEqual(await headersFor('POST', 'https://elsewhere.example/'), {})
      assert.equal(await getAccessToken(), client.accessToken)
      assert.equal((await getAccessToken()) !== undefined, tokens !== 'cookies')
      await client.logout()
      assert.deepEqual([await getAccessToken(), await headersFor('GET', '/protected')], [undefined, {}])
    })

    for (const asks of tokens === 'cookies' ? ['headersFor'] : ['headersFor', 'getAccessToken'])
      test(`has one by ${asks} after a reload too, and when the token has expired`, async t => {
        const server = await scene(t, tokens)
        const options = tokens === 'headers' ? { storage: storageOf(false) } : {}
        await server.client(options).login(CREDENTIALS)
        const client = server.client(options)
        const answer = async () => {
          const headers =
            asks === 'headersFor'
              ? await client.headersFor('POST', '/protected')
              : { Authorization: `Bearer ${await client.getAccessToken()}` }
          return server.jar.fetch(`${server.origin}/protected`, { method: 'POST', headers })
        }
        assert.equal((await answer()).status, 200)
        server.clock.advance('16m')
        const laterMs = performance.now() + 16 * 60_000
        t.mock.method(performance, 'now', () => laterMs)
        for (const cookie of ['access_token_cookie', 'csrf_access_token']) server.jar.drop(cookie)
        assert.equal((await answer()).status, 200)
      })

    test('is left by a logout that is local, also if the server cannot be reached', async t => {
      const { server, client, heard } = await loggedIn(t, tokens)
      await server.offline()
      await assert.rejects(client.logout())
      assert.equal(client.loggedIn, true)
      await client.logout({ local: true })
      assert.deepEqual(
        [client.loggedIn, client.accessToken, heard],
        [false, undefined, [['logout', { elsewhere: false }]]],
      )
      await server.online()
      await client.login(OTHERS)
      assert.equal(client.loggedIn, true)
      await client.logout({ local: true })
      assert.deepEqual(await server.authx.listSessions('grace'), [])
    })
  })
}

describe('a client with a storage', () => {
  for (const isSlow of [false, true]) {
    test(`that is ${isSlow ? 'slow' : 'fast'} is logged in after a restart`, async t => {
      const server = await scene(t, 'headers')
      const storage = storageOf(isSlow)
      await server.client({ storage, storageKey: 'mine' }).login(CREDENTIALS)
      assert.deepEqual([...storage.kept.keys()], ['mine'])
      const next = server.client({ storage, storageKey: 'mine' })
      assert.deepEqual(next.state, { status: 'loading' })
      await next.ready
      assert.equal(next.state.status, 'authenticated')
      assert.equal((await next.fetch('/protected')).status, 200)
      assert.equal(server.count('POST /refresh'), 1)
      const kept = storage.kept.get('mine')
      await next.refresh()
      assert.notEqual(storage.kept.get('mine'), kept)
      await next.logout()
      assert.deepEqual([storage.kept.size, server.client({ storage }).loggedIn], [0, false])
    })
  }

  test('keeps the refresh token only, and forgets what the server refuses', async t => {
    const server = await scene(t, 'headers')
    const storage = storageOf(true)
    const client = server.client({ storage })
    const body = await client.login(CREDENTIALS)
    assert.deepEqual([...storage.kept.values()], [body.refresh_token])
    await server.authx.revokeAllSessions('ada')
    await assert.rejects(client.refresh(), { errorType: 'RevokedTokenError' })
    assert.equal(storage.kept.size, 0)
  })

  test('takes what another program with the same storage has got', async t => {
    const server = await scene(t, 'headers')
    const storage = storageOf(true)
    const [one, other] = [server.client({ storage }), server.client({ storage })]
    await one.login(CREDENTIALS)
    await other.refresh()
    server.clock.advance('1m')
    await one.refresh()
    server.clock.advance('1m')
    await other.refresh()
    assert.deepEqual([one.loggedIn, other.loggedIn], [true, true])
  })

  test('is ready, and nobody is logged in, if the storage cannot be read', async t => {
    const server = await scene(t, 'headers')
    const getItem = async (): Promise<never> => {
      throw new Error('TEST: locked')
    }
    const client = server.client({ storage: { ...storageOf(true), getItem } })
    await assert.rejects(client.ready, /TEST: locked/)
    assert.equal(client.state.status, 'unauthenticated')
    assert.equal((await client.fetch('/public')).status, 200)
  })

  test('that cannot be written for a while loses no login, and none comes back', async t => {
    const server = await scene(t, 'headers')
    const { kept, ...storage } = storageOf(true)
    let isLocked = false
    const ifUnlocked = async () => assert.ok(!isLocked, 'TEST: locked')
    const client = server.client({
      storage: {
        getItem: storage.getItem,
        setItem: (key: string, value: string) => ifUnlocked().then(() => storage.setItem(key, value)),
        removeItem: (key: string) => ifUnlocked().then(() => storage.removeItem(key)),
      },
    })
    await client.login(CREDENTIALS)
    const before = kept.get('koa-authx')
    isLocked = true
    await client.refresh()
    assert.equal(kept.get('koa-authx'), before)
    // The server knows now that the new tokens have arrived. The token in the storage would be a reuse.
    assert.equal((await client.fetch('/protected')).status, 200)
    server.clock.advance('1m')
    isLocked = false
    await client.refresh()
    assert.equal(client.loggedIn, true)
    assert.notEqual(kept.get('koa-authx'), before)
    isLocked = true
    await client.login(OTHERS)
    await client.logout()
    assert.equal(client.loggedIn, false)
    await assert.rejects(client.logout({ local: true }), /TEST: locked/)
    isLocked = false
    await client.logout({ local: true })
    assert.equal(kept.size, 0)
  })

  test('needs tokens in headers', () => {
    const options = { baseUrl: 'https://api.example', storage: storageOf(false) }
    assert.throws(() => new AuthXClient({ ...options, tokens: 'cookies' }), /^TypeError: tokens must be 'headers'/)
  })
})

test('cookies may be read asynchronously, as in a worker', async t => {
  const { server } = await loggedIn(t, 'cookies')
  const client = server.client({ cookies: async () => server.jar.cookies() })
  assert.deepEqual(client.state, { status: 'loading' })
  await client.ready
  assert.equal(client.loggedIn, true)
  server.clock.advance('16m')
  assert.equal((await client.fetch('/protected', { method: 'POST' })).status, 200)
  await client.logout()
  assert.equal(client.loggedIn, false)
  await client.login(OTHERS)
  assert.equal((await client.fetch('/protected', { method: 'POST' })).status, 200)
})

describe("a client with csrf: 'origin'", () => {
  for (const tokens of ['cookies', 'dual'] as const) {
    test(`and tokens: '${tokens}' finds out by one refresh whether there is a login`, async t => {
      const server = await scene(t, tokens, { cookieCsrfProtect: false })
      const nobody = server.client({ csrf: 'origin' })
      assert.equal(nobody.state.status, 'loading')
      await nobody.ready
      assert.deepEqual([nobody.state, server.count('POST /refresh')], [{ status: 'unauthenticated' }, 1])
      await nobody.login(CREDENTIALS)
      const reloaded = server.client({ csrf: 'origin' })
      await reloaded.ready
      assert.deepEqual([reloaded.loggedIn, server.count('POST /refresh')], [true, 2])
      assert.equal((await reloaded.fetch('/protected', { method: 'POST' })).status, 200)
      assert.equal(server.count('POST /refresh'), 2)
    })
  }

  for (const [name, options] of Object.entries({
    'cookieCsrfProtect: false': { cookieCsrfProtect: false },
    "csrfCheck: 'origin', csrfInCookies: false": { csrfCheck: 'origin', csrfInCookies: false },
  } as const))
    for (const tokens of ['cookies', 'dual'] as const) {
      /** Logged in, and the browser has deleted the cookies, as it does when they have expired. */
      const deleted = async (t: TestContext) => {
        const server = await scene(t, tokens, options)
        const fetch: AuthXClientOptions['fetch'] = (input, init) =>
          server.jar.fetch(input, { ...init, headers: { ...Object(init.headers), 'Sec-Fetch-Site': 'same-origin' } })
        const client = server.client({ csrf: 'origin', fetch })
        await client.ready
        await client.login(CREDENTIALS)
        for (const cookie of ['access_token_cookie', 'refresh_token_cookie']) server.jar.drop(cookie)
        return client
      }

      test(`and tokens: '${tokens}' knows that the login has ended when its cookies are gone, with ${name}`, async t => {
        const client = await deleted(t)
        await assert.rejects(client.refresh(), { errorType: 'MissingTokenError' })
        assert.deepEqual(client.state, { status: 'unauthenticated', reason: 'MissingTokenError' })
      })

      test(`and tokens: '${tokens}' logs out when its cookies are gone, with ${name}`, async t => {
        const client = await deleted(t)
        await client.logout()
        assert.deepEqual(client.state, { status: 'unauthenticated' })
      })
    }

  test('does not ask if a cookie says that there is a login', async t => {
    const { server } = await loggedIn(t, 'cookies')
    const client = server.client({ csrf: 'origin' })
    await client.ready
    assert.deepEqual([client.loggedIn, server.count('POST /refresh')], [true, 0])
  })
})

describe('an access token', () => {
  for (const tokens of ['dual', 'headers'] as const) {
    test(`with tokens: '${tokens}' is renewed before a request shortly before its end, and a failure does not matter`, async t => {
      const { server } = await loggedIn(t, tokens, { accessTokenExpires: 100 })
      const client = server.client({ refreshMarginSeconds: 3600 })
      await client.login(CREDENTIALS)
      assert.equal((await client.fetch('/protected')).status, 200)
      assert.equal(server.count('POST /refresh'), 0)
      t.mock.method(
        performance,
        'now',
        (
          now => () =>
            now + 60_000
        )(performance.now()),
      )
      server.store.down()
      await client.fetch('/public')
      assert.equal(server.count('POST /refresh'), 1)
      server.store.heal()
      assert.equal((await client.fetch('/protected')).status, 200)
      assert.equal(server.count('POST /refresh'), 2)
      assert.equal((await client.fetch('/protected')).status, 200)
      assert.equal(server.count('POST /refresh'), 2)
    })
  }
})

describe('turns', () => {
  test('are taken with the lock of the application, or with none', async t => {
    const { server } = await loggedIn(t, 'cookies')
    const names: string[] = []
    const client = server.client({
      lock: async (name, work, { signal }) => {
        names.push(`${name} ${signal?.aborted}`)
        return work()
      },
    })
    await client.refresh()
    assert.deepEqual(names, [`koa-authx ${server.origin}/refresh false`])
    const robbed = server.client({ lock: () => Promise.reject(new Error('TEST: no lock')) })
    await robbed.refresh()
  })

  /** Longer than the test may take. */
  const timeouts = { lock: 300_000 }

  test('with lock: false are not taken, though a tab holds the lock of the browser', { timeout: 60_000 }, async t => {
    const { server } = await loggedIn(t, 'cookies')
    const browser = browserOf(t, server)
    browser.hold()
    const free = await browser.tab('cookies', { timeouts, lock: false })
    await free.refresh()
    assert.equal(server.count('POST /refresh'), 1)
  })

  test('with tabs: false are of this client only', { timeout: 60_000 }, async t => {
    const { server } = await loggedIn(t, 'cookies')
    const browser = browserOf(t, server)
    const [one, other] = [await browser.tab('cookies'), await browser.tab('cookies', { timeouts, tabs: false })]
    const [told, heard] = [heardBy(one), heardBy(other)]
    browser.hold()
    await other.refresh()
    browser.post({ type: 'refresh' })
    await until(() => told.length > 0)
    await browser.delivered()
    const elsewhere = (of: typeof told) => of.map(([type, event]) => [type, event.elsewhere])
    assert.deepEqual([elsewhere(told), elsewhere(heard)], [[['refresh', true]], [['refresh', false]]])
  })
})

test('a timeout of the application ends the wait for an answer', async t => {
  const { server } = await loggedIn(t, 'cookies')
  const client = server.client({ timeouts: { login: 30, refresh: 30, logout: 30 } })
  server.fate = () => 'held'
  for (const call of [client.login(CREDENTIALS), client.refresh(), client.logout()])
    await assert.rejects(call, { name: 'TimeoutError' })
  assert.equal(client.loggedIn, true)
})
