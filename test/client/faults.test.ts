import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { BroadcastChannel } from 'node:worker_threads'
import { AuthXClient, type AuthXClientOptions, type TokensIn } from 'koa-authx/client'
import type { AuthXOptions } from '../../src/index.js'
import { until } from '../support/until.js'
import { Jar } from './jar.js'
import { CREDENTIALS, heardBy, loggedIn, MODES, OTHERS, type Scene, scene } from './scene.js'
import { clientOf } from './stub.js'
import { browserOf } from './tabs.js'

const subOf = async (response: Response) => ((await response.json()) as { sub?: string }).sub

/** What a client of another realm tells. */
function copied(client: AuthXClient) {
  const heard: [string, object][] = []
  for (const type of ['login', 'refresh', 'logout', 'expired'] as const)
    client.on(type, event => heard.push([type, { ...event }]))
  return heard
}

/** A promise, and the function that resolves it. */
function gate(): { opened: Promise<void>; open: () => void } {
  let open = () => {}
  const opened = new Promise<void>(resolve => {
    open = resolve
  })
  return { opened, open }
}

/** A client whose answers from `path` wait until the gate is open. */
function held(server: Scene, path: string, options: Partial<AuthXClientOptions> = {}) {
  const { opened, open } = gate()
  const asked = gate()
  const client = server.client({
    ...options,
    fetch: async (input, init) => {
      const response = await server.jar.fetch(input, init)
      if (new URL(typeof input === 'string' ? input : input.url).pathname !== path) return response
      asked.open()
      await opened
      return response
    },
  })
  return { client, open, asked: asked.opened }
}

describe('a caller', () => {
  for (const tokens of MODES)
    test(`with tokens: '${tokens}' can give up while a refresh is awaited, before its answer is there`, async t => {
      const server = await scene(t, tokens)
      const { client, open, asked } = held(server, '/refresh')
      await client.login(CREDENTIALS)
      server.clock.advance('16m')
      const controller = new AbortController()
      const call = client.fetch('/protected', { signal: controller.signal })
      await asked
      controller.abort(new Error('TEST: enough'))
      await assert.rejects(call, /TEST: enough/)
      const given = client.fetch('/protected', { signal: AbortSignal.abort(new Error('TEST: at once')) })
      await assert.rejects(given, /TEST: at once/)
      open()
      assert.equal((await client.fetch('/protected')).status, 200)
    })

  test('that gives up does not end the wait of another', async t => {
    const server = await scene(t, 'cookies')
    const { client, open, asked } = held(server, '/refresh')
    await client.login(CREDENTIALS)
    server.clock.advance('16m')
    const controller = new AbortController()
    const calls = [client.fetch('/protected', { signal: controller.signal }), client.fetch('/protected')]
    await asked
    controller.abort()
    await assert.rejects(calls[0] as Promise<Response>, { name: 'AbortError' })
    open()
    assert.equal((await calls[1])?.status, 200)
  })
})

describe('requests', () => {
  test('with HEAD are refreshed like GET', async t => {
    for (const tokens of MODES) {
      const { server, client } = await loggedIn(t, tokens)
      server.clock.advance('16m')
      assert.equal((await client.fetch('/protected', { method: 'HEAD' })).status, 200)
      assert.equal(server.count('POST /refresh'), 1)
    }
  })

  test('without cookies, as the caller wants it, are sent without them and are not refreshed', async t => {
    const { server, client } = await loggedIn(t, 'cookies')
    const init = { method: 'POST', credentials: 'omit' } as const
    for (const request of [
      () => client.fetch('/protected', init),
      () => client.fetch(new Request(`${server.origin}/protected`, init)),
    ]) {
      assert.equal((await request()).status, 401)
      const { headers = {} } = server.requests.at(-1) ?? {}
      assert.deepEqual(['cookie' in headers, 'x-csrf-token' in headers], [false, false])
    }
    assert.equal(server.count('POST /refresh'), 0)
  })

  test('that are Requests keep their redirect', async t => {
    const { server, client } = await loggedIn(t, 'cookies')
    const request = new Request(`${server.origin}/away?to=/public`, { method: 'POST', redirect: 'manual' })
    assert.equal((await client.fetch(request)).status, 307)
  })

  test('keep an Authorization of the caller, and its refusal is not refreshed', async t => {
    for (const tokens of ['dual', 'headers'] as const) {
      const { server, client } = await loggedIn(t, tokens)
      const headers = { Authorization: 'Bearer of.some.body' }
      const request = new Request(`${server.origin}/protected`, { headers })
      for (const response of [await client.fetch('/protected', { headers }), await client.fetch(request)])
        assert.equal(response.status, 401)
      const sent = server.requests
        .filter(({ line }) => line === 'GET /protected')
        .map(each => each.headers.authorization)
      assert.deepEqual([...new Set(sent)], [headers.Authorization])
      assert.equal(server.count('POST /refresh'), 0)
    }
  })
})

describe('an answer', () => {
  const PAGES: [string, () => Response][] = [
    ['an HTML page', () => new Response('<h1>Welcome</h1>', { headers: { 'Content-Type': 'text/html' } })],
    ['a page of text', () => new Response('OK', { headers: { 'Content-Type': 'text/plain' } })],
    ['other JSON', () => Response.json(['welcome'])],
    ['nothing, with 200', () => new Response('')],
  ]
  for (const tokens of MODES) {
    for (const [name, page] of PAGES)
      test(`that is ${name} is no answer to a client with tokens: '${tokens}'`, async t => {
        const { client, heard, portal } = await refreshedBehindPortal(t, tokens, page)
        await assert.rejects(client.logout(), { status: 200 })
        assert.deepEqual([client.loggedIn, heard.map(([type]) => type)], [true, ['login']])
        portal.isOpen = true
        assert.equal((await client.fetch('/protected', { method: 'POST' })).status, 200)
      })

    test(`that is another object is none to a login or a refresh with tokens: '${tokens}'`, async t => {
      const { client } = await refreshedBehindPortal(t, tokens, () => Response.json({ welcome: true }))
      assert.equal(client.loggedIn, true)
    })
  }
})

/** Something answers every request with `page`, unless it is open: a login, and a refresh of a later login, are refused. */
async function refreshedBehindPortal(t: TestContext, tokens: (typeof MODES)[number], page: () => Response) {
  const server = await scene(t, tokens)
  const portal = { isOpen: false }
  const client = server.client({
    fetch: async (input, init) => (portal.isOpen ? server.jar.fetch(input, init) : page()),
  })
  const heard = heardBy(client)
  await assert.rejects(client.login(CREDENTIALS), { name: 'AuthXClientError', status: 200 })
  assert.equal(client.loggedIn, false)
  portal.isOpen = true
  await client.login(CREDENTIALS)
  portal.isOpen = false
  await assert.rejects(client.refresh(), { status: 200 })
  return { client, heard, portal }
}

test("a lock of the application's own that is not granted in time is told to give up, and the login goes on", async t => {
  const server = await scene(t, 'headers')
  let hasGivenUp = false
  const client = server.client({
    timeouts: { lock: 20 },
    lock: (_name, _work, { signal }) =>
      new Promise((_, reject) => {
        signal?.addEventListener('abort', () => {
          hasGivenUp = true
          reject(signal.reason)
        })
      }),
  })
  await client.login(CREDENTIALS)
  assert.deepEqual([hasGivenUp, client.loggedIn], [true, true])
})

describe('an answer of 204', () => {
  const empty = () => new Response(null, { status: 204 })

  test("is one to every call of a client with tokens: 'cookies', because it needs no body", async () => {
    const { client } = clientOf('cookies', empty)
    const heard = heardBy(client)
    assert.deepEqual(await client.login({}), {})
    await client.refresh()
    assert.equal(client.loggedIn, true)
    await client.logout()
    assert.deepEqual([client.loggedIn, heard.map(([type]) => type)], [false, ['login', 'refresh', 'logout']])
  })

  test('is one to a logout only where the tokens are in the body', async () => {
    const { client } = clientOf('headers', empty)
    await assert.rejects(client.login({}), { name: 'AuthXClientError', status: 204 })
    await assert.rejects(client.refresh(), { name: 'AuthXClientError', status: 204 })
    await client.logout()
    assert.equal(client.loggedIn, false)
  })
})

describe('addresses', () => {
  test('of routes are paths below baseUrl', () => {
    for (const refresh of [
      'https://evil.example/refresh',
      '//evil.example/refresh',
      '/\\evil.example',
      '/\t/evil.example',
    ])
      assert.throws(
        () => new AuthXClient({ tokens: 'headers', baseUrl: 'https://api.example', paths: { refresh } }),
        /^TypeError: paths.refresh /,
      )
  })

  test('are relative to the location of the page, and never to a <base> in it', async t => {
    const server = await scene(t, 'cookies')
    const browser = browserOf(t, server, { baseURI: 'https://evil.example/' })
    const tab = await browser.tab('cookies')
    await tab.login(CREDENTIALS)
    assert.equal((await tab.fetch('/protected', { method: 'POST' })).status, 200)
    assert.equal((await tab.fetch('protected')).status, 200)
    await tab.refresh()
    await tab.logout()
    assert.deepEqual(
      server.requests.map(({ line }) => line),
      ['POST /login', 'POST /protected', 'GET /protected', 'POST /refresh', 'POST /logout'],
    )
  })
})

describe('CSRF cookies', () => {
  test('of one name on several paths are all tried', async t => {
    for (const options of [{}, { refreshCookiePath: '/refresh' }] as AuthXOptions[]) {
      const { server } = await loggedIn(t, 'cookies', options)
      const cookies = () => `csrf_refresh_token=of-another; csrf_access_token=of-another; ${server.jar.cookies()}`
      const client = server.client({ cookies })
      assert.equal((await client.fetch('/protected', { method: 'POST' })).status, 200)
      await client.refresh()
      const before = server.requests.length
      assert.equal((await client.fetch('/protected', { method: 'POST' })).status, 200)
      assert.equal(server.requests.length, before + 1)
      await client.logout()
      assert.equal(client.loggedIn, false)
    }
  })
})

/** A tab with this option waits for the lock longer than a test with `IN_TIME` may take. */
const PATIENT = { timeouts: { lock: 300_000 } }
const IN_TIME = { timeout: 60_000 }

/** The login of a visitor with two tabs; the access token has expired since. */
async function twoTabs(
  t: TestContext,
  tokens: Exclude<TokensIn, 'headers'>,
  options: Partial<AuthXClientOptions> = {},
) {
  const server = await scene(t, tokens)
  const browser = browserOf(t, server)
  const [one, other] = [await browser.tab(tokens, options), await browser.tab(tokens, options)]
  await one.login(CREDENTIALS)
  await until(() => other.loggedIn)
  server.clock.advance('16m')
  return { server, browser, one, other }
}

for (const tokens of ['cookies', 'dual'] as const) {
  describe(`two tabs with tokens: '${tokens}'`, () => {
    test('of which one holds the lock and does not run: the other goes on', async t => {
      const { browser, one } = await twoTabs(t, tokens, { timeouts: { lock: 50 } })
      browser.hold()
      assert.equal((await one.fetch('/protected')).status, 200)
      await one.login(OTHERS)
      assert.equal((await one.fetch('/protected')).status, 200)
      await one.logout()
      assert.equal(one.loggedIn, false)
      assert.equal(browser.steals, 0)
    })

    test('of which one holds the lock: a caller in the other can give up', async t => {
      const { browser, one } = await twoTabs(t, tokens)
      browser.hold()
      const controller = new AbortController()
      const call = one.fetch('/protected', { signal: controller.signal })
      await until(() => browser.waiting > 0)
      controller.abort(new Error('TEST: enough'))
      await assert.rejects(call, /TEST: enough/)
    })

    test('of which one logs in slowly: the other goes on', IN_TIME, async t => {
      const { server, browser, other } = await twoTabs(t, tokens, PATIENT)
      const { opened, open } = gate()
      const slow = await browser.tab(tokens, {
        ...PATIENT,
        fetch: async (input, init) => {
          if (String(input).endsWith('/login')) await opened
          return server.jar.fetch(input, init)
        },
      })
      const login = slow.login(OTHERS)
      assert.equal((await other.fetch('/protected')).status, 200)
      open()
      await login
      await until(() => other.claims === undefined)
      assert.equal(await subOf(await other.fetch('/protected')), 'grace')
    })

    test('of which one is refreshing, without locks: a login in the other holds', IN_TIME, async t => {
      const options = { ...PATIENT, lock: false } as const
      const { server, browser, other } = await twoTabs(t, tokens, options)
      browser.hold()
      const asked = gate()
      const { opened, open } = gate()
      const refreshing = await browser.tab(tokens, {
        ...options,
        // The server has refreshed. Its answer comes after the login, unless the client no longer wants it.
        fetch: (input, init) =>
          server.jar.fetch(input, init, async () => {
            if (!String(input).endsWith('/refresh')) return
            asked.open()
            await Promise.race([opened, new Promise((_, reject) => init.signal?.addEventListener('abort', reject))])
          }),
      })
      const heard = copied(refreshing)
      const refresh = refreshing.refresh().catch(() => {})
      await asked.opened
      await other.login(OTHERS)
      await until(() => heard.length > 0)
      open()
      await refresh
      assert.deepEqual(heard[0], ['login', { elsewhere: true }])
      for (const tab of [other, refreshing])
        assert.equal(await subOf(await tab.fetch('/protected', { method: 'POST' })), 'grace')
    })

    test('hear each other whatever becomes of the clock, and of messages of other forms', async t => {
      const { browser, one, other } = await twoTabs(t, tokens)
      const heard = copied(other)
      for (const message of [
        null,
        5,
        'logout',
        {},
        { type: 'logout', at: Infinity },
        { type: 'login', at: Infinity },
        { type: 'no' },
      ])
        browser.post(message)
      browser.clockMs -= 60_000
      await one.logout()
      await until(() => heard.some(([type]) => type === 'logout'))
      assert.deepEqual([other.loggedIn, heard], [false, [['logout', { elsewhere: true }]]])
    })

    test('of which one is closed: it hears itself, and no longer the other', async t => {
      const { one, other } = await twoTabs(t, tokens)
      const heard = copied(one)
      one.close()
      await one.refresh()
      assert.deepEqual(heard, [['refresh', { elsewhere: false }]])
      const word = copied(other)
      await other.logout()
      assert.deepEqual(word.at(-1), ['logout', { elsewhere: false }])
      assert.deepEqual(heard.length, 1)
    })

    test('of which one is robbed of its lock: its login has happened', async t => {
      const server = await scene(t, tokens)
      const browser = browserOf(t, server)
      const thief = await browser.tab(tokens, {
        fetch: async (input, init) => {
          const response = await server.jar.fetch(input, init)
          browser.steal()
          return response
        },
      })
      await thief.login(CREDENTIALS)
      assert.equal(thief.loggedIn, true)
    })
  })
}

test('a reload after a final refusal finds nobody', async t => {
  const { server } = await loggedIn(t, 'cookies')
  const browser = browserOf(t, server)
  const page = await browser.tab('cookies', { cookies: undefined })
  assert.equal(page.loggedIn, true)
  await server.authx.revokeAllSessions('ada')
  await assert.rejects(page.refresh(), { errorType: 'RevokedTokenError' })
  assert.equal((await browser.tab('cookies', { cookies: undefined })).loggedIn, false)
})

test('clients in Node do not hear each other, also if there is a document and a location', async t => {
  const server = await scene(t, 'cookies')
  const stand = { document: { cookie: '' }, location: { href: `${server.origin}/`, origin: server.origin } }
  Object.assign(globalThis, stand)
  t.after(() => {
    for (const name of Object.keys(stand)) delete (globalThis as Record<string, unknown>)[name]
  })
  const [ada, grace, nobody] = [new Jar(), new Jar(), new Jar()].map(({ fetch, cookies }) =>
    server.client({ fetch, cookies }),
  ) as [AuthXClient, AuthXClient, AuthXClient]
  await grace.login(OTHERS)
  const heard = [heardBy(grace), heardBy(nobody)]
  const said: unknown[] = []
  const name = `koa-authx ${server.origin}/refresh`
  const [channel, sender] = [new BroadcastChannel(name), new BroadcastChannel(name)]
  t.after(() => [channel, sender].map(each => each.close()))
  channel.onmessage = event => said.push(Object(event).data.type)
  await ada.login(CREDENTIALS)
  await ada.refresh()
  await ada.logout()
  // The second comes when the first has come to all who listen.
  for (const count of [1, 2]) {
    for (const type of ['refresh', 'login']) sender.postMessage({ type })
    await until(() => said.length >= 2 * count)
  }
  assert.deepEqual(said, ['refresh', 'login', 'refresh', 'login'])
  assert.deepEqual([heard, nobody.loggedIn], [[[], []], false])
})
