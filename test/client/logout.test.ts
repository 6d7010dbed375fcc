import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import type { AuthXClientOptions } from 'koa-authx/client'
import type { AuthXOptions } from '../../src/index.js'
import { until } from '../support/until.js'
import { CREDENTIALS, heardBy, loggedIn, MODES, type Scene, scene } from './scene.js'
import { browserOf } from './tabs.js'

const isOver = async ({ authx, jar }: Scene) => {
  assert.deepEqual(await authx.listSessions('ada'), [])
  assert.equal(jar.cookies(), '')
}

/** A client that knows nothing but the cookies, as after a reload, in the place of one that has logged in. */
async function reloaded(t: TestContext, tokens: 'cookies' | 'dual', options: AuthXOptions) {
  const { server, client } = await loggedIn(t, tokens, options)
  client.close()
  const page = server.client()
  return { server, page, heard: heardBy(page) }
}

const REJECTED = { name: 'AuthXClientError', status: 401, errorType: 'MissingTokenError' }

for (const tokens of ['cookies', 'dual'] as const) {
  describe(`a logout with tokens: '${tokens}' by a route that the refresh cookie does not reach`, () => {
    test('ends the session and clears the cookies, after a reload too', async t => {
      for (const cookieCsrfProtect of [true, false]) {
        const { server, page, heard } = await reloaded(t, tokens, { refreshCookiePath: '/refresh', cookieCsrfProtect })
        if (tokens === 'cookies') for (const name of ['access_token_cookie', 'csrf_access_token']) server.jar.drop(name)
        await page.logout()
        await isOver(server)
        assert.equal(page.loggedIn, false)
        assert.deepEqual(heard.at(-1), ['logout', { elsewhere: false }])
        await assert.rejects(page.refresh(), { errorType: 'MissingTokenError' })
      }
    })

    test('is none while the store is away, and the login goes on', async t => {
      const { server, page, heard } = await reloaded(t, tokens, { refreshCookiePath: '/refresh' })
      if (tokens === 'cookies') for (const name of ['access_token_cookie', 'csrf_access_token']) server.jar.drop(name)
      server.store.down()
      await assert.rejects(page.logout(), REJECTED)
      assert.deepEqual([page.loggedIn, heard], [true, []])
      server.store.heal()
      await page.logout()
      await isOver(server)
    })

    test('is none if no token reaches it after a refresh either, and the login goes on', async t => {
      const paths = { accessCookiePath: '/protected', refreshCookiePath: '/refresh' }
      const { server } = await loggedIn(t, tokens, paths)
      const page = server.client({
        // As a proxy that takes the header off.
        fetch: (input, init) =>
          server.jar.fetch(input, String(input).endsWith('/logout') ? { ...init, headers: {} } : init),
      })
      await assert.rejects(page.logout(), REJECTED)
      assert.equal(page.loggedIn, true)
      assert.equal((await page.fetch('/protected', { method: 'POST' })).status, 200)
    })

    test('finds out from the refresh that the login has ended before', async t => {
      const { server, page, heard } = await reloaded(t, tokens, { refreshCookiePath: '/refresh' })
      if (tokens === 'cookies') for (const name of ['access_token_cookie', 'csrf_access_token']) server.jar.drop(name)
      await server.authx.revokeAllSessions('ada')
      await page.logout()
      assert.deepEqual([page.loggedIn, heard], [false, [['logout', { elsewhere: false }]]])
    })
  })
}

for (const tokens of MODES) {
  describe(`a logout with tokens: '${tokens}'`, () => {
    for (const errorType of ['MissingTokenError', 'JWTDecodeError', 'TokenExpiredError', 'RevokedTokenError']) {
      test(`that is refused with ${errorType} is none while refreshes succeed`, async t => {
        const { server } = await loggedIn(t, tokens)
        const client = server.client({
          fetch: (input, init) =>
            String(input).endsWith('/logout')
              ? Promise.resolve(Response.json({ error_type: errorType }, { status: 401 }))
              : server.jar.fetch(input, init),
        })
        await client.login(CREDENTIALS)
        await assert.rejects(client.logout(), { name: 'AuthXClientError', status: 401, errorType })
        assert.equal(client.loggedIn, true)
        assert.equal((await client.fetch('/protected', { method: 'POST' })).status, 200)
      })
    }

    test('by a route behind a guard succeeds when the access token has expired', async t => {
      const { server, client } = await loggedIn(t, tokens)
      const guarded = server.client({ paths: { logout: '/guarded-logout' } })
      if (tokens === 'headers') await guarded.login(CREDENTIALS)
      else await guarded.refresh()
      server.clock.advance('16m')
      await guarded.logout()
      assert.equal(guarded.loggedIn, false)
      assert.equal((await server.authx.listSessions('ada')).length, tokens === 'headers' ? 1 : 0)
      client.close()
    })

    test('that was asked for twice at once succeeds twice, and is told once', async t => {
      for (const cookieCsrfProtect of [true, false]) {
        const { server, client, heard } = await loggedIn(t, tokens, { cookieCsrfProtect })
        await Promise.all([client.logout(), client.logout()])
        await isOver(server)
        assert.deepEqual([client.loggedIn, heard], [false, [['logout', { elsewhere: false }]]])
      }
    })

    test('that was asked for twice at once fails twice while the store is away, and the login goes on', async t => {
      const { server, client, heard } = await loggedIn(t, tokens)
      server.store.down()
      const failures = await Promise.allSettled([client.logout(), client.logout()])
      assert.deepEqual(
        failures.map(({ status }) => status),
        ['rejected', 'rejected'],
      )
      assert.deepEqual([client.loggedIn, heard], [true, []])
      server.store.heal()
      await client.logout()
      await isOver(server)
    })

    test('ends the session, although one that forgot the login here was faster and did not reach the server', async t => {
      for (const cookieCsrfProtect of [true, false]) {
        const server = await scene(t, tokens, { cookieCsrfProtect })
        const client = server.client({ fetch: losing('/logout', server) })
        await client.login(CREDENTIALS)
        await Promise.all([client.logout({ local: true }), client.logout()])
        await isOver(server)
      }
    })

    test('of nobody is refused', async t => {
      const server = await scene(t, tokens)
      const client = server.client()
      const heard = heardBy(client)
      await assert.rejects(client.logout(), REJECTED)
      assert.deepEqual(heard, [])
    })

    test('does not end the login of somebody else that has begun while it was refreshing', async t => {
      if (tokens === 'headers') return
      const { server } = await loggedIn(t, tokens, { refreshCookiePath: '/refresh' })
      const client = server.client({
        fetch: async (input, init) => {
          const response = await server.jar.fetch(input, init)
          if (String(input).endsWith('/refresh')) await server.jar.fetch(`${server.origin}/login`, OTHERS_BY_FORM)
          return response
        },
      })
      if (tokens === 'cookies') for (const name of ['access_token_cookie', 'csrf_access_token']) server.jar.drop(name)
      await assert.rejects(client.logout(), REJECTED)
      assert.equal((await server.authx.listSessions('grace')).length, 1)
    })
  })
}

for (const tokens of ['cookies', 'dual'] as const) {
  for (const cookieCsrfProtect of [true, false]) {
    describe(`a logout in two tabs at once with tokens: '${tokens}' and cookieCsrfProtect: ${cookieCsrfProtect}`, () => {
      test('succeeds in both, and is told once in each', async t => {
        const { server, tabs, heard } = await twoTabs(t, tokens, cookieCsrfProtect)
        await Promise.all(tabs.map(tab => tab.logout()))
        await isOver(server)
        assert.deepEqual(
          heard.map(events => events.map(([type]) => type)),
          [['logout'], ['logout']],
        )
      })

      test('succeeds if the login has ended in the other tab meanwhile, and keeps the reason', async t => {
        const { server, tabs } = await twoTabs(t, tokens, cookieCsrfProtect)
        await server.authx.revokeAllSessions('ada')
        const [one, other] = tabs
        await Promise.all([assert.rejects(one.refresh(), { errorType: 'RevokedTokenError' }), other.logout()])
        await isOver(server)
        assert.deepEqual(
          tabs.map(({ state: { status, reason } }) => `${status} ${reason}`),
          Array(2).fill('unauthenticated RevokedTokenError'),
        )
      })
    })
  }
}

test('a logout of a page ends the session, although one that has deleted the readable cookies was faster', async t => {
  const server = await scene(t, 'cookies')
  const tab = await browserOf(t, server).tab('cookies', { fetch: losing('/logout', server) })
  await tab.login(CREDENTIALS)
  await Promise.all([tab.logout({ local: true }), tab.logout()])
  await isOver(server)
})

for (const tokens of ['cookies', 'dual'] as const) {
  test(`a logout of all devices, and then here, with tokens: '${tokens}' ends the login in all tabs without a reason`, async t => {
    const { server, tabs, heard } = await twoTabs(t, tokens, true)
    const response = await tabs[0].fetch('/sessions', { method: 'DELETE' })
    assert.equal(response.status, 204)
    await tabs[0].logout()
    await isOver(server)
    await until(() => !tabs[1].loggedIn)
    assert.deepEqual(
      heard.map(events => events.map(([type, { reason }]) => `${type} ${reason}`)),
      Array(2).fill(['logout undefined']),
    )
  })
}

/** Sends requests, but the first one to `path` does not reach the server. */
function losing(path: string, { jar }: Scene): NonNullable<AuthXClientOptions['fetch']> {
  let isLost = false
  return async (input, init) => {
    if (isLost || !String(input).endsWith(path)) return jar.fetch(input, init)
    isLost = true
    throw new TypeError('fetch failed')
  }
}

/** Two tabs that are logged in and know it. */
async function twoTabs(t: TestContext, tokens: 'cookies' | 'dual', cookieCsrfProtect: boolean) {
  const server = await scene(t, tokens, { cookieCsrfProtect })
  const browser = browserOf(t, server)
  const tabs = [await browser.tab(tokens), await browser.tab(tokens)] as const
  await tabs[0].login(CREDENTIALS)
  await until(() => tabs[1].loggedIn)
  return { server, tabs, heard: tabs.map(heardBy) }
}

const OTHERS_BY_FORM = {
  method: 'POST',
  headers: { 'Content-Type': 'application/json' },
  body: '{"username":"grace","password":"lovelace"}',
}
