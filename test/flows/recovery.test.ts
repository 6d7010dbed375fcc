import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, type TestContext, test } from 'node:test'
import Router from '@koa/router'
import { AuthX, type AuthXOptions } from '../../src/index.js'
import { FaultyTokenStore } from '../../src/testing/index.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { appOf, bearer, cookie, type Reply, serve, TEST_NOW, TEST_SECRET } from '../support/app.js'
import { addLoginRoutes } from '../support/login-routes.js'
import { forge, GOOD_CLAIMS } from '../support/signing.js'
import { askForUpgrade, serveUpgrades } from '../support/upgrades.js'
import { claimsOf, type FlowApi, flowApi, verdict } from './api.js'

const HOUR = 3_600_000
const REUSED = [401, 'ReusedTokenError']
const REVOKED = [401, 'RevokedTokenError']
const UNAVAILABLE = [503, 'StoreUnavailableError']
const ENDS = ['reuse', 'revoked', 'allRevoked'] as const
const EVENTS = ['refreshed', 'replayed', 'recovered', ...ENDS] as const

/** The events that `authx` emits from now on: their names. */
function eventsOf(authx: AuthX): string[] {
  const events: string[] = []
  for (const name of EVENTS) authx.on(name, () => events.push(name))
  return events
}

/** An API, what it emits, and a session whose first refresh token has just been exchanged. */
async function refreshedApi(t: TestContext, options: AuthXOptions = {}) {
  const store = options.store ?? memoryStore(t)
  const api = await flowApi(t, { ...options, store })
  const first = (await api.login()).json
  const next = (await api.refresh(first.refresh_token)).json
  const sid = String(claimsOf(next.access_token).sid)
  return { ...api, store, events: eventsOf(api.authx), first, next, sid }
}

type RefreshedApi = Awaited<ReturnType<typeof refreshedApi>>

function memoryStore(t: TestContext): MemoryTokenStore {
  const store = new MemoryTokenStore()
  t.after(() => store.close())
  return store
}

/** Another process that shares the store and the clock. */
const anotherProcess = (t: TestContext, { store, clock }: RefreshedApi) => flowApi(t, { store, now: () => clock.now })

/** The client has the tokens of `reply`: they pass a guard and can be refreshed. */
async function goesOn(api: FlowApi, { status, json }: Reply): Promise<void> {
  assert.equal(status, 200)
  assert.equal((await api.protected(json.access_token)).status, 200)
  assert.equal((await api.refresh(json.refresh_token)).status, 200)
}

describe('a client whose answer is lost', () => {
  for (const hours of [1, 23]) {
    test(`goes on ${hours} hours later, and the application gets recovered and no false alarm`, async t => {
      const api = await refreshedApi(t)
      api.clock.now += hours * HOUR
      const again = await api.refresh(api.first.refresh_token)
      assert.notEqual(again.json.refresh_token, api.next.refresh_token)
      assert.equal(claimsOf(again.json.access_token).gen, 2)
      await goesOn(api, again)
      assert.deepEqual(api.events, ['recovered', 'refreshed'])
    })
  }

  for (const [says, options, hours] of [
    ['25 hours later', {}, 25],
    ['an hour later without refreshRecovery', { refreshRecovery: 0 }, 1],
    ['an hour later without refreshGracePeriod', { refreshGracePeriod: 0 }, 1],
    ['an hour later without accessTokenRevocation', { accessTokenRevocation: false }, 1],
  ] as const) {
    test(`has to log in ${says}: that is reuse`, async t => {
      const api = await refreshedApi(t, options)
      api.clock.now += hours * HOUR
      assert.deepEqual(verdict(await api.refresh(api.first.refresh_token)), REUSED)
      assert.deepEqual(verdict(await api.refresh(api.next.refresh_token)), REVOKED)
      assert.deepEqual(api.events, ['reuse'])
    })
  }

  test('goes on after any number of lost answers, within a day of the first', async t => {
    const api = await refreshedApi(t)
    for (let n = 0; n < 40; n++) {
      api.clock.now += HOUR / 2
      assert.equal((await api.refresh(api.first.refresh_token)).status, 200)
    }
    await goesOn(api, await api.refresh(api.first.refresh_token))
    assert.deepEqual([...new Set(api.events)], ['recovered', 'replayed', 'refreshed'])
  })

  test('has to log in a day after the first of many lost answers', async t => {
    const api = await refreshedApi(t)
    for (let n = 0; n < 23; n++) {
      api.clock.now += HOUR
      assert.equal((await api.refresh(api.first.refresh_token)).status, 200)
    }
    api.clock.now += HOUR
    assert.deepEqual(verdict(await api.refresh(api.first.refresh_token)), REUSED)
  })

  test('gets the same tokens from every process in the grace period of a recovery', async t => {
    const api = await refreshedApi(t)
    const other = await anotherProcess(t, api)
    api.clock.now += HOUR
    const asked = [api, other, api, other].map(each => each.refresh(api.first.refresh_token))
    const tokens = (await Promise.all(asked)).map(({ json }) => json.refresh_token)
    assert.equal(new Set(tokens).size, 1)
    api.clock.now += 9_999
    const replay = await other.refresh(api.first.refresh_token)
    assert.equal(replay.json.refresh_token, tokens[0])
    await goesOn(api, replay)
  })

  test('goes on with a token that named no session', async t => {
    const api = await flowApi(t)
    const lone = api.authx.createRefreshToken('ada')
    await api.refresh(lone)
    api.clock.now += HOUR
    await goesOn(api, await api.refresh(lone))
  })

  test('keeps its CSRF value, scopes and claims, and gets no fresh token', async t => {
    const api = await flowApi(t)
    const login = (await api.login({ scopes: ['a:*'], data: { role: 'admin' } })).json
    await api.refresh(login.refresh_token)
    api.clock.now += HOUR
    const { scopes, role, fresh, sid } = claimsOf((await api.refresh(login.refresh_token)).json.access_token)
    assert.deepEqual([scopes, role, fresh, sid], [['a:*'], 'admin', false, claimsOf(login.access_token).sid])
  })
})

describe('a thief who recovers with a copied refresh token', () => {
  for (const where of ['in the same process', 'in another process'] as const) {
    test(`is found out by the next guarded request of the owner ${where}, and nobody goes on`, async t => {
      const api = await refreshedApi(t)
      const other = await anotherProcess(t, api)
      const asked = where === 'in another process' ? other : api
      const events = eventsOf(asked.authx)
      api.clock.now += 60_000
      const stolen = (await api.refresh(api.first.refresh_token)).json
      assert.equal((await api.protected(stolen.access_token)).status, 200)
      assert.deepEqual(verdict(await asked.protected(api.next.access_token)), REUSED)
      for (const { authx, refresh, protected: guarded } of [api, other]) {
        assert.equal(await authx.getSession(api.sid), undefined)
        for (const { access_token, refresh_token } of [api.next, stolen]) {
          assert.deepEqual(verdict(await guarded(access_token)), REVOKED)
          assert.deepEqual(verdict(await refresh(refresh_token)), REVOKED)
        }
      }
      assert.ok(events.includes('reuse'))
    })
  }

  test('is found out by the next refresh of the owner', async t => {
    const api = await refreshedApi(t)
    api.clock.now += HOUR
    const stolen = (await api.refresh(api.first.refresh_token)).json
    assert.deepEqual(verdict(await api.refresh(api.next.refresh_token)), REUSED)
    assert.deepEqual(verdict(await api.protected(stolen.access_token)), REVOKED)
    assert.deepEqual(api.events, ['recovered', 'reuse'])
  })

  test('is refused once the owner has used the new tokens', async t => {
    const api = await refreshedApi(t)
    assert.equal((await api.protected(api.next.access_token)).status, 200)
    api.clock.now += 60_000
    assert.deepEqual(verdict(await api.refresh(api.first.refresh_token)), REUSED)
  })

  test('who came first and used nothing loses his tokens to the owner, and ends the session if he uses them', async t => {
    const api = await refreshedApi(t)
    api.clock.now += HOUR
    const own = await api.refresh(api.first.refresh_token)
    assert.equal((await api.protected(own.json.access_token)).status, 200)
    assert.deepEqual(verdict(await api.refresh(api.next.refresh_token)), REUSED)
    assert.deepEqual(verdict(await api.protected(own.json.access_token)), REVOKED)
  })
})

test('a logout with a voided access token ends the session', async t => {
  const api = await refreshedApi(t)
  api.clock.now += 60_000
  const own = (await api.refresh(api.first.refresh_token)).json
  assert.equal((await api.logout(api.next.access_token)).status, 204)
  assert.deepEqual(verdict(await api.protected(own.access_token)), REVOKED)
})

/** Whether somebody has used the tokens of the last refresh: an hour later the predecessor is reuse. */
async function isConfirmed(api: RefreshedApi): Promise<boolean> {
  api.clock.now += HOUR
  const { status } = await api.refresh(api.first.refresh_token)
  assert.ok(status === 200 || status === 401)
  return status === 401
}

describe('the tokens of a refresh count as received', () => {
  test('after a guarded request', async t => {
    const api = await refreshedApi(t)
    await api.protected(api.next.access_token)
    assert.equal(await isConfirmed(api), true)
  })

  test('after a request to a page without a guard, through middleware()', async t => {
    const api = await refreshedApi(t)
    await api.send({ path: '/', headers: [bearer(String(api.next.access_token))] })
    assert.equal(await isConfirmed(api), true)
  })

  test('after verifyToken', async t => {
    const api = await refreshedApi(t)
    await api.authx.verifyToken(String(api.next.access_token))
    assert.equal(await isConfirmed(api), true)
  })

  test('after an upgrade to WebSocket', async t => {
    const api = await refreshedApi(t)
    const { port } = await serveUpgrades(t, api.authx)
    assert.equal((await askForUpgrade(port, [bearer(String(api.next.access_token))])).status, 101)
    assert.equal(await isConfirmed(api), true)
  })

  test('after a guarded request with the access token of a replay', async t => {
    const api = await refreshedApi(t)
    const replay = await api.refresh(api.first.refresh_token)
    await api.protected(replay.json.access_token)
    assert.equal(await isConfirmed(api), true)
  })

  test('after a refresh with the new refresh token', async t => {
    const api = await refreshedApi(t)
    await api.refresh(api.next.refresh_token)
    assert.equal(await isConfirmed(api), true)
  })

  test('and not after a guard for refresh tokens, which lets pass what a refresh would serve', async t => {
    const api = await refreshedApi(t)
    const guarded = async (token: unknown) =>
      (await api.send({ path: '/refreshable', headers: [bearer(String(token))] })).status
    assert.equal(await guarded(api.next.refresh_token), 200)
    api.clock.now += HOUR
    assert.equal(await guarded(api.first.refresh_token), 200)
    assert.equal(await guarded(api.next.refresh_token), 200)
    assert.equal(await isConfirmed(api), false)
    assert.equal(await guarded(api.next.refresh_token), 401)
    assert.ok(await api.authx.getSession(api.sid), 'a guard for refresh tokens ends nothing')
  })

  test('and not after a request with the access token before, or with one that names no generation', async t => {
    const api = await refreshedApi(t)
    const single = api.authx.createAccessToken('ada', { sid: api.sid })
    for (const token of [api.first.access_token, single]) assert.equal((await api.protected(token)).status, 200)
    assert.equal(await isConfirmed(api), false)
  })

  test('after any number of guarded requests at the same moment, in two processes, which all pass', async t => {
    const api = await refreshedApi(t)
    const other = await anotherProcess(t, api)
    const asked = Array.from({ length: 40 }, (_, n) => (n % 2 ? api : other).protected(api.next.access_token))
    assert.deepEqual(new Set((await Promise.all(asked)).map(({ status }) => status)), new Set([200]))
    assert.equal(await isConfirmed(api), true)
  })
})

describe('a renewal by implicitRefresh', () => {
  test('keeps the generation, and shows that the client has received the tokens', async t => {
    const clock = { now: TEST_NOW }
    const store = memoryStore(t)
    const options = { tokenLocation: ['cookies'], cookieCsrfProtect: false } as const
    const authx = new AuthX({ secretKey: TEST_SECRET, store, now: () => clock.now, ...options })
    const router = addLoginRoutes(new Router(), authx).get('/page', ctx => {
      ctx.body = 'a page without a guard'
    })
    const send = await serve(t, appOf(authx.implicitRefresh()).use(router.routes()))
    const browse = async (path: string, jar: Record<string, string>) => {
      const reply = await send({ path, headers: [cookie(jar)] })
      const given = reply.cookies.map(line => /^(\w+)=([^;]*)/.exec(line)?.slice(1) as [string, string])
      return { ...reply, jar: { ...jar, ...Object.fromEntries(given) } }
    }

    const login = await browse('/login', {})
    const next = await browse('/refresh', login.jar)
    clock.now += 14 * 60_000
    const page = await browse('/page', next.jar)
    assert.notEqual(page.jar.access_token_cookie, next.jar.access_token_cookie)
    assert.equal(claimsOf(page.jar.access_token_cookie).gen, 1)
    assert.equal((await browse('/refresh', login.jar)).status, 401)
  })
})

/** A store that can be read, and whose writes are refused while `isReadOnly`. */
class ReadOnlyStore extends MemoryTokenStore {
  isReadOnly = false

  override async compareAndSet(...call: Parameters<MemoryTokenStore['compareAndSet']>): Promise<boolean> {
    if (this.isReadOnly) throw new Error('READONLY')
    return super.compareAndSet(...call)
  }
}

describe('a guarded request that cannot write that the tokens were received', () => {
  test('is 503, and the next one with a store that writes again passes and counts', async t => {
    const store = new ReadOnlyStore()
    t.after(() => store.close())
    const api = await refreshedApi(t, { store })
    store.isReadOnly = true
    for (let n = 0; n < 2; n++) assert.deepEqual(verdict(await api.protected(api.next.access_token)), UNAVAILABLE)
    assert.equal((await api.protected(api.first.access_token)).status, 200, 'this one has nothing to write')
    store.isReadOnly = false
    assert.equal((await api.protected(api.next.access_token)).status, 200)
    assert.equal(await isConfirmed(api), true)
  })

  test('passes at the next try if only the reply of the store was lost', async t => {
    const store = new FaultyTokenStore(memoryStore(t))
    const api = await refreshedApi(t, { store })
    store.loseReplies()
    assert.deepEqual(verdict(await api.protected(api.next.access_token)), UNAVAILABLE)
    assert.equal((await api.protected(api.next.access_token)).status, 200, 'no more is to be written')
    store.heal()
    assert.equal(await isConfirmed(api), true)
  })

  test('is 503 for a voided access token too, until the session can be ended', async t => {
    const store = new ReadOnlyStore()
    t.after(() => store.close())
    const api = await refreshedApi(t, { store })
    api.clock.now += 60_000
    const stolen = (await api.refresh(api.first.refresh_token)).json
    store.isReadOnly = true
    assert.deepEqual(verdict(await api.protected(api.next.access_token)), UNAVAILABLE)
    store.isReadOnly = false
    assert.deepEqual(verdict(await api.protected(api.next.access_token)), REUSED)
    assert.deepEqual(verdict(await api.protected(stolen.access_token)), REVOKED)
  })
})

describe('a token that only a key from getKey has signed', () => {
  const TENANT_SECRET = 'TEST_ONLY_secret_of_a_tenant_of_more_than_64_bytes_0123456789_0123456789'
  const getKey: AuthXOptions['getKey'] = (_header, { tenant }) => (tenant === true ? TENANT_SECRET : TEST_SECRET)
  const forged = (claims: object) =>
    forge({ ...GOOD_CLAIMS, jti: randomUUID(), sub: 'ada', tenant: true, ...claims }, undefined, TENANT_SECRET)

  test('does not show that the client has received its tokens', async t => {
    const api = await refreshedApi(t, { getKey })
    assert.equal((await api.protected(forged({ sid: api.sid, gen: 1 }))).status, 200)
    assert.equal(await isConfirmed(api), false)
  })

  test('does not end a session by a voided generation', async t => {
    const api = await refreshedApi(t, { getKey })
    api.clock.now += 60_000
    const own = await api.refresh(api.first.refresh_token)
    assert.deepEqual(verdict(await api.protected(forged({ sid: api.sid, gen: 1 }))), REUSED)
    await goesOn(api, own)
  })
})

describe('three tabs that share one refresh token', () => {
  test('all go on: one refreshes, the next one refreshes again, and the third comes with the first token', async t => {
    const api = await flowApi(t)
    const events = eventsOf(api.authx)
    const first = (await api.login()).json
    const a = await api.refresh(first.refresh_token)
    const b = await api.refresh(a.json.refresh_token)
    api.clock.now += 122
    const c = await api.refresh(first.refresh_token)
    assert.equal(c.json.refresh_token, b.json.refresh_token)
    for (const { json } of [a, b, c]) assert.equal((await api.protected(json.access_token)).status, 200)
    await goesOn(api, c)
    assert.deepEqual(events, ['refreshed', 'refreshed', 'replayed', 'refreshed'])
  })

  test('all go on for twenty rounds, whatever the order within the grace period is', async t => {
    const api = await flowApi(t)
    const events = eventsOf(api.authx)
    let tabs = Array.from({ length: 3 }, () => '')
    tabs.fill(String((await api.login()).json.refresh_token))
    for (let round = 0; round < 20; round++) {
      for (const tab of [round % 3, (round + 1) % 3, round % 3, (round + 2) % 3]) {
        const { status, json } = await api.refresh(tabs[tab])
        assert.equal(status, 200)
        tabs = tabs.map((token, n) => (n === tab ? String(json.refresh_token) : token))
        api.clock.now += 1_000
      }
    }
    assert.ok(!events.includes('reuse'))
  })
})
