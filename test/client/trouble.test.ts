import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { until } from '../support/until.js'
import { Gate } from './gate.js'
import { CREDENTIALS, heardBy, loggedIn, OTHERS, scene } from './scene.js'
import { clientOf, json, tokenOf } from './stub.js'
import { browserOf } from './tabs.js'

for (const tokens of ['cookies', 'dual'] as const) {
  test(`a login that fails with tokens: '${tokens}' while somebody else logs in does not hide that from the tab`, async t => {
    const { server } = await loggedIn(t, tokens)
    const browser = browserOf(t, server)
    let meanwhile: (() => Promise<unknown>) | undefined
    const one = await browser.tab(tokens, {
      fetch: async (input, init) => {
        const response = await server.jar.fetch(input, init)
        if (String(input).endsWith('/login')) await meanwhile?.()
        return response
      },
    })
    await one.refresh()
    const other = await browser.tab(tokens, { lock: false, tabs: false })
    const heard = heardBy(one)
    meanwhile = async () => {
      await other.login(OTHERS)
      one.getState()
    }
    await assert.rejects(one.login({ ...CREDENTIALS, password: 'byron' }), { status: 401 })
    assert.equal(one.accessToken, undefined)
    await one.fetch('/protected')
    assert.deepEqual([heard[0]?.[0], heard[0]?.[1].elsewhere], ['login', true])
  })
}

for (const tokens of ['cookies', 'dual'] as const) {
  test(`a login with tokens: '${tokens}' of which only a message tells is over when the server has no token of it`, async t => {
    const server = await scene(t, tokens)
    const browser = browserOf(t, server)
    const tab = await browser.tab(tokens)
    browser.post({ type: 'login', id: 'of-others' })
    await until(() => tab.loggedIn)
    assert.equal((await tab.fetch('/protected', { method: 'POST' })).status, 401)
    assert.equal(tab.loggedIn, false)
  })

  for (const before of [undefined, OTHERS])
    test(`a login with tokens: '${tokens}' ${before ? 'after another one ' : ''}that was ended in another tab, while its own did not run, is over`, async t => {
      const server = await scene(t, tokens)
      const browser = browserOf(t, server)
      const other = await browser.tab(tokens, { timeouts: { lock: 50 } })
      const gate = new Gate()
      let freezes = false
      const fetch: typeof server.jar.fetch = async (input, init) => {
        const response = await server.jar.fetch(input, init)
        if (freezes && String(input).endsWith('/login')) gate.freeze()
        return gate.after(Promise.resolve(response))
      }
      const tab = await browser.tab(tokens, { fetch }, gate)
      if (before) await tab.login(before)
      freezes = true
      const login = tab.login(CREDENTIALS)
      await until(() => !gate.isOpen)
      await other.logout()
      await browser.delivered()
      gate.thaw()
      await login
      await browser.delivered()
      assert.equal((await tab.fetch('/protected', { method: 'POST' })).status, 401)
      assert.equal(tab.loggedIn, false)
    })
}

describe('a storage that fails', () => {
  const failing = (fails: { set?: boolean; remove?: boolean }) => {
    const kept = new Map<string, string>()
    return {
      kept,
      getItem: (key: string) => kept.get(key),
      setItem(key: string, value: string) {
        if (fails.set) throw new Error('TEST: full')
        kept.set(key, value)
      },
      removeItem(key: string) {
        if (fails.remove) throw new Error('TEST: locked')
        kept.delete(key)
      },
    }
  }

  test('to take a new token does not bring back an old one, which the server would take for stolen', async t => {
    const { server } = await loggedIn(t, 'headers', { refreshGracePeriod: 0 })
    const fails = { set: false }
    const client = server.client({ storage: failing(fails) })
    await client.login(CREDENTIALS)
    fails.set = true
    await client.refresh().catch(() => {})
    server.clock.advance('2d')
    for (let n = 0; n < 3; n++) await client.refresh().catch(() => {})
    assert.equal(client.loggedIn, true)
  })

  test('to take the token of the next user does not bring back the user before', async t => {
    const { server } = await loggedIn(t, 'headers')
    const fails = { set: false }
    const client = server.client({ storage: failing(fails) })
    await client.login(CREDENTIALS)
    fails.set = true
    await client.login(OTHERS).catch(() => {})
    for (let n = 0; n < 3; n++) await client.refresh().catch(() => {})
    assert.equal(client.claims?.sub, 'grace')
  })

  test('to be read has no token any more after a logout', async t => {
    const { server } = await loggedIn(t, 'headers')
    const storage = failing({})
    await server.client({ storage }).login(CREDENTIALS)
    const getItem = () => {
      throw new Error('TEST: locked')
    }
    await server.client({ storage: { ...storage, getItem } }).logout({ local: true })
    assert.equal(storage.kept.size, 0)
  })

  test('to delete a token does not log in again who has logged out', async t => {
    const { server } = await loggedIn(t, 'headers')
    const client = server.client({ storage: failing({ remove: true }) })
    await client.login(CREDENTIALS)
    await server.offline()
    await client.logout({ local: true }).catch(() => {})
    await server.online()
    await client.refresh().catch(() => {})
    assert.equal(client.loggedIn, false)
  })
})

test('a logout that is local forgets the login also if the cookies cannot be read', async () => {
  let fails = false
  const cookies = async () => {
    if (fails) throw new Error('TEST: no cookies')
    return 'csrf_refresh_token=one'
  }
  const { client } = clientOf('cookies', () => json({}, 503), { cookies })
  await client.ready
  assert.equal(client.loggedIn, true)
  fails = true
  await client.logout({ local: true })
  assert.equal(client.loggedIn, false)
})

test('a claim of an unexpected type makes no login fail that has happened', async () => {
  for (const sid of [1, null, {}, ['x'], true]) {
    const { client } = clientOf('headers', () => json({ access_token: tokenOf({ sid }), refresh_token: 'r' }))
    await client.login({})
    await client.refresh()
    assert.equal(client.loggedIn, true)
    await client.logout()
  }
})

test('a message that comes while the cookies cannot be read is heard, and nothing is left unhandled', async t => {
  const { server } = await loggedIn(t, 'cookies')
  const browser = browserOf(t, server)
  let fails = false
  const unhandled: unknown[] = []
  const note = (error: unknown) => unhandled.push(error)
  process.on('unhandledRejection', note)
  t.after(() => process.off('unhandledRejection', note))
  const cookies = async () => {
    if (fails) throw new Error('TEST: no cookies')
    return server.jar.cookies()
  }
  const one = await browser.tab('cookies', { cookies })
  await one.ready
  const heard = heardBy(one)
  fails = true
  browser.post({ type: 'refresh' })
  await until(() => heard.length + unhandled.length > 0)
  assert.deepEqual([heard.map(([type]) => type), unhandled], [['refresh'], []])
})

test('a request has the options that the platform would read, also if they are a Request or inherited', async t => {
  const { server, client } = await loggedIn(t, 'cookies')
  const address = `${server.origin}/public`
  const headers = { 'Content-Type': 'application/json' }
  await client.fetch('/public', new Request(address, { method: 'DELETE' }) as RequestInit)
  await client.fetch('/public', Object.create({ method: 'PUT', headers, body: '{}' }))
  await client.fetch('/public', Object.freeze({ method: 'PATCH' }))
  assert.deepEqual(
    server.requests.slice(-3).map(({ line, headers }) => [line, typeof headers['x-csrf-token']]),
    ['DELETE', 'PUT', 'PATCH'].map(method => [`${method} /public`, 'string']),
  )
})
