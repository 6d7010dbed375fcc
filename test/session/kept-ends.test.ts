import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, type TestContext, test } from 'node:test'
import { createClient } from '@keyv/redis'
import fc from 'fast-check'
import type { AuthX, AuthXOptions, TokenPayload, TokenStore } from '../../src/index.js'
import { listingKey, sessionKey } from '../../src/session/record.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { PostgresTokenStore } from '../../stores/postgres.js'
import { RedisTokenStore } from '../../stores/redis.js'
import { SqliteTokenStore } from '../../stores/sqlite.js'
import { sqliteDriver } from '../../stores/sqlite-driver.js'
import { makeAuthX, TEST_NOW } from '../support/app.js'
import { ask } from '../support/postgres.js'
import { refreshWith } from '../support/refresh.js'
import { sharedBackends } from '../support/shared-backends.js'
import { contentOf } from '../support/signing.js'
import { until } from '../support/until.js'

const SECOND = 1000
const MINUTE = 60_000
const DAY = 86_400_000
const YEAR = 365 * DAY
/** What the tests themselves may take. */
const SLACK = 60 * SECOND
const GONE = { name: 'RevokedTokenError' }

/** Until when each key is kept, milliseconds. */
type Kept = ReadonlyMap<string, number>

const backends = sharedBackends()

/** A store of each kind, and what is in it, looked at from outside. */
const STORES: Record<string, (name: string) => { store: TokenStore; kept: () => Kept | Promise<Kept> }> = {
  memory: () => {
    const map = new Map<string, { value: string; expires: number }>()
    return {
      store: new MemoryTokenStore({ map }),
      kept: () => new Map([...map].map(([key, { expires }]) => [key, expires])),
    }
  },
  SQLite: name => {
    const file = backends.sqlite(name).at
    return { store: new SqliteTokenStore(file), kept: () => keptInFile(file) }
  },
  Redis: name => ({
    store: new RedisTokenStore(backends.redis().at, { prefix: `${name}:` }),
    kept: () => keptInRedis(`${name}:`),
  }),
  PostgreSQL: name => {
    const { at } = backends.postgres()
    return { store: new PostgresTokenStore(at, { table: name, timeout: 20_000 }), kept: () => keptInTable(at, name) }
  },
}

function keptInFile(file: string): Kept {
  const database = sqliteDriver()(file)
  const rows = database.prepare('SELECT key, expires FROM koa_authx').all() as { key: string; expires: number }[]
  database.close()
  return new Map(rows.map(({ key, expires }) => [key, expires]))
}

async function keptInRedis(prefix: string): Promise<Kept> {
  const client = createClient({ url: backends.redis().at })
  await client.connect()
  const keys = await client.keys(`${prefix}*`)
  const lives = await Promise.all(keys.map(key => client.pTTL(key)))
  client.destroy()
  return new Map(keys.map((key, n) => [key, Date.now() + Number(lives[n])]))
}

async function keptInTable(url: string, table: string): Promise<Kept> {
  const rows = (await ask(url, `SELECT key, expires FROM "${table}"`)) as { key: string; expires: Date }[]
  return new Map(rows.map(({ key, expires }) => [key, expires.getTime()]))
}

const times = <T>(count: number, make: (n: number) => T) => Array.from({ length: count }, (_, n) => make(n))
const claims = (token: string) => contentOf(token).claims as unknown as TokenPayload

const WAYS: Record<string, (authx: AuthX, sub: string) => Promise<unknown>> = {
  logout: async (authx, sub) => authx.revoke((await authx.createTokenPair(sub)).access_token),
  revokeSession: async (authx, sub) => {
    const { sid } = claims((await authx.createTokenPair(sub)).access_token)
    assert.equal(await authx.revokeSession(String(sid)), true)
  },
  reuse: async (authx, sub) => {
    const { refresh_token } = await authx.createTokenPair(sub)
    await refreshWith(authx, refresh_token)
    await assert.rejects(refreshWith(authx, refresh_token), { name: 'ReusedTokenError' })
  },
}

for (const [kind, open] of Object.entries(STORES)) {
  describe(`over ${kind}`, () => {
    const endAll = async (way: string, subjects: number) => {
      const { store, kept } = open(`${way}-${subjects}`)
      const authx = makeAuthX({ store, storeTimeout: 20_000, refreshGracePeriod: 0 })
      const end = WAYS[way] as (typeof WAYS)[string]
      try {
        for (let n = 0; n < 20; n++) {
          await Promise.all(times(50, m => end(authx, `sub-${(50 * n + m) % subjects}`)))
        }
        const soon = Date.now() + 10 * MINUTE + SLACK
        await until(async () => {
          const late = [...(await kept())].filter(([, expires]) => expires > soon)
          assert.deepEqual(late, [], 'nothing is kept for longer')
        })
        const records = await kept()
        assert.equal([...records.keys()].filter(key => key.includes('session:')).length, 1000)
        assert.ok(records.size <= 1000 + subjects, `${records.size} records`)
        const lists = [...records].filter(([key]) => key.includes('sessions:'))
        for (const [, expires] of lists) assert.ok(expires <= Date.now() + MINUTE + SLACK, 'empty lists go first')
      } finally {
        await store.close?.()
      }
    }

    test('1,000 sessions of one subject that were ended leave 1,000 small records for ten minutes', async () => {
      for (const way of Object.keys(WAYS)) await endAll(way, 1)
    })

    test('1,000 sessions of 1,000 subjects that were ended leave no more for longer', async () => {
      for (const way of Object.keys(WAYS)) await endAll(way, 1000)
    })
  })
}

/** From here on the clock of the store, and of the servers if nothing else is said, is one that the tests set. */
let store: MemoryTokenStore
const setTime = (t: TestContext, time: number) => t.mock.timers.setTime(time)
beforeEach(() => {
  store = new MemoryTokenStore()
})
afterEach(() => store.close())

const server = (options: AuthXOptions = {}) => makeAuthX({ store, ...options })
const stopped = (t: TestContext) => t.mock.timers.enable({ apis: ['Date'], now: TEST_NOW })

async function accepted(authx: AuthX, token: string): Promise<boolean> {
  const { type } = claims(token)
  try {
    await authx.verifyToken(token, { type })
    return true
  } catch {
    return false
  }
}

describe('a session that was ended', () => {
  test('is over when its tombstone is gone, however long its tokens last', async t => {
    stopped(t)
    const authx = server()
    const pair = await authx.createTokenPair('ada', { accessExpiry: '30d' })
    await authx.revoke(pair.access_token)
    setTime(t, TEST_NOW + 11 * MINUTE)
    assert.deepEqual(await store.get([sessionKey(String(claims(pair.access_token).sid))]), [undefined])
    for (const token of [pair.access_token, pair.refresh_token]) assert.equal(await accepted(authx, token), false)
    await assert.rejects(refreshWith(authx, pair.refresh_token), GONE)
    await authx.revoke(pair.access_token)
    assert.deepEqual(await store.get([sessionKey(String(claims(pair.access_token).sid))]), [undefined])
  })

  test('is told to have been ended for ten minutes, and then to be unknown', async t => {
    stopped(t)
    const authx = server()
    const { access_token } = await authx.createTokenPair('ada')
    await authx.revoke(access_token)
    const cause = () => authx.verifyToken(access_token).catch(error => String(error.cause))
    setTime(t, TEST_NOW + 10 * MINUTE - 1)
    assert.match(String(await cause()), /has been ended/)
    setTime(t, TEST_NOW + 10 * MINUTE)
    assert.match(String(await cause()), /it ended more than ten minutes ago/)
  })

  test('leaves the list, and the others in it stay for as long as they can live', async t => {
    stopped(t)
    const authx = server()
    const other = await authx.createTokenPair('ada')
    await authx.revoke((await authx.createTokenPair('ada')).access_token)
    const listed = async () =>
      (JSON.parse((await store.get([listingKey('ada', undefined)]))[0] ?? '[]') as [string][]).map(([sid]) => sid)
    await until(async () => assert.deepEqual(await listed(), [claims(other.access_token).sid]))
    setTime(t, TEST_NOW + 90 * DAY - 1)
    assert.equal((await listed()).length, 1)
  })

  test('writes no list where there is none', async () => {
    const authx = server()
    const { access_token } = await authx.createTokenPair('ada')
    const map = new Map()
    const bare = new MemoryTokenStore({ map })
    const [record] = await store.get([sessionKey(String(claims(access_token).sid))])
    await bare.compareAndSet(
      sessionKey(String(claims(access_token).sid)),
      undefined,
      String(record),
      new Date(Date.now() + DAY),
    )
    await server({ store: bare }).revoke(access_token)
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
    assert.equal(map.size, 1)
    await bare.close()
  })
})

/** How a session is ended that a token has opened which names none. */
const ENDS: Record<
  string,
  (authx: AuthX, opener: string, next: { access_token: string; refresh_token: string }) => Promise<unknown>
> = {
  'logout with the access token after it': (authx, _, { access_token }) => authx.revoke(access_token),
  'logout with the refresh token after it': (authx, _, { refresh_token }) => authx.revoke(refresh_token),
  revokeSession: (authx, opener) => authx.revokeSession(claims(opener).jti),
  'its own reuse': (authx, opener) =>
    refreshWith(server({ ...optionsOf(authx), refreshGracePeriod: 0 }), opener).catch(() => {}),
  'revoking the token itself': (authx, opener) => authx.revoke(opener),
  revokeAllSessions: authx => authx.revokeAllSessions('ada'),
}
const made = new WeakMap<AuthX, AuthXOptions>()
const optionsOf = (authx: AuthX) => made.get(authx) ?? {}
function serverWith(options: AuthXOptions): AuthX {
  const authx = server(options)
  made.set(authx, options)
  return authx
}

describe('a refresh token that names no session', () => {
  for (const [way, end] of Object.entries(ENDS)) {
    test(`does not come back after ${way}, though sessionExpires is raised`, async t => {
      stopped(t)
      const before = serverWith({ sessionExpires: '1d' })
      const opener = before.createRefreshToken('ada', { expiry: '40d' })
      const next = await refreshWith(before, opener)
      await end(before, opener, next)
      for (const at of [0, DAY + 11 * MINUTE, 30 * DAY, 40 * DAY - 1]) {
        setTime(t, TEST_NOW + at)
        for (const sessionExpires of ['1d', '90d', '400d']) {
          const raised = server({ sessionExpires })
          assert.equal(await accepted(raised, opener), false, `${sessionExpires}, after ${at} ms`)
          await assert.rejects(refreshWith(raised, opener))
        }
      }
    })
  }

  test('does not come back when the session that it opened is past its end, though sessionExpires is raised', async t => {
    stopped(t)
    const before = server({ sessionExpires: '1d' })
    const opener = before.createRefreshToken('ada', { expiry: '40d' })
    await refreshWith(before, opener)
    setTime(t, TEST_NOW + 30 * DAY)
    const raised = server({ sessionExpires: '90d' })
    assert.equal(await accepted(raised, opener), false)
    await assert.rejects(refreshWith(raised, opener))
  })

  test('does not come back for the leeway of a server that has one', async t => {
    stopped(t)
    const before = server({ sessionExpires: '1d' })
    const opener = before.createRefreshToken('ada', { expiry: '2d' })
    await before.revoke((await refreshWith(before, opener)).access_token)
    setTime(t, TEST_NOW + 2 * DAY + 299 * SECOND)
    assert.equal(await accepted(server({ decodeLeeway: 300, sessionExpires: '90d' }), opener), false)
  })

  test('leaves nothing that outlives its use: what its end leaves is gone after twice its life', async t => {
    stopped(t)
    const authx = server({ sessionExpires: '400d' })
    const opener = authx.createRefreshToken('ada', { expiry: '2d' })
    await authx.revoke((await refreshWith(authx, opener)).access_token)
    const key = sessionKey(claims(opener).jti)
    setTime(t, TEST_NOW + 2 * DAY + 9 * MINUTE)
    assert.deepEqual(await store.get([key]), ['{"revoked":true}'])
    setTime(t, TEST_NOW + 4 * DAY + 11 * MINUTE)
    assert.deepEqual(await store.get([key]), [undefined])
  })

  test('whose session a server of version 0.1.0 has opened is remembered until the absolute end', async t => {
    stopped(t)
    const authx = server()
    const opener = authx.createRefreshToken('ada')
    const { access_token } = await refreshWith(authx, opener)
    const key = sessionKey(claims(opener).jti)
    const [raw = ''] = await store.get([key])
    const { openerExp, ...former } = JSON.parse(raw)
    assert.equal(openerExp, claims(opener).exp)
    await store.compareAndSet(key, raw, JSON.stringify(former), new Date(former.keptUntil))
    await authx.revoke(access_token)
    setTime(t, TEST_NOW + 90 * DAY + 9 * MINUTE)
    assert.deepEqual(await store.get([key]), ['{"revoked":true}'])
  })

  const ways = fc.constantFrom(...Object.keys(ENDS))
  const lives = fc.integer({ min: 1, max: 400 }).map(days => `${days}d`)
  const clocks = fc.constantFrom(0, 0, 5 * MINUTE, 3 * 3_600_000, 40 * DAY, YEAR)
  test('is never good again after its end, whatever the options become and whose clock is ahead', async t => {
    stopped(t)
    const property = fc.asyncProperty(
      fc.record({
        way: ways,
        life: lives,
        first: lives,
        later: lives,
        ahead: clocks,
        wait: fc.double({ min: 0, max: 1, noNaN: true }),
      }),
      async ({ way, life, first, later, ahead, wait }) => {
        setTime(t, TEST_NOW)
        await store.close()
        store = new MemoryTokenStore()
        const before = server({ sessionExpires: first })
        const opener = before.createRefreshToken('ada', { expiry: life })
        const next = await refreshWith(before, opener)
        const ender = serverWith({ sessionExpires: first, now: () => Date.now() + ahead })
        // A server by whose clock the token has expired does not get as far as finding a reuse.
        const isReuse = way === 'its own reuse' && ahead > 0
        await (ENDS[isReuse ? 'revokeSession' : way] as (typeof ENDS)[string])(ender, opener, next)
        const after = server({ sessionExpires: later, decodeLeeway: 300 })
        const { exp } = claims(opener)
        for (const part of [0, wait, 1]) {
          setTime(t, TEST_NOW + (exp * 1000 + 299 * SECOND - TEST_NOW) * part)
          assert.equal(await accepted(after, opener), false)
          await assert.rejects(refreshWith(after, opener))
        }
      },
    )
    await fc.assert(property, { numRuns: 300 })
  })
})

describe('a token that names no session', () => {
  const KINDS: Record<string, (authx: AuthX) => string> = {
    'an access token': authx => authx.createAccessToken('ada', { expiry: '3d' }),
    'a refresh token': authx => authx.createRefreshToken('ada', { expiry: '3d' }),
    'an access token that can be renewed': authx => authx.createAccessToken('ada', { expiry: '3d', renewable: true }),
  }
  const CLOCKS = [0, 5 * MINUTE, 2 * 3_600_000, 2 * DAY, YEAR, -5 * MINUTE, -YEAR]

  test('is refused until it ends, however far off the clock of the server was that revoked it', async t => {
    stopped(t)
    for (const [what, make] of Object.entries(KINDS)) {
      for (const ahead of CLOCKS) {
        setTime(t, TEST_NOW)
        const token = make(server())
        await server({ now: () => Date.now() + ahead }).revoke(token)
        for (const at of [0, MINUTE, DAY, 3 * DAY - 1, 3 * DAY + 299 * SECOND]) {
          setTime(t, TEST_NOW + at)
          for (const options of [{ decodeLeeway: 300 }, { decodeLeeway: 300, sessionExpires: '400d' }]) {
            const passed = await accepted(server(options), token)
            assert.equal(passed, false, `${what}, ${ahead} ms ahead, after ${at} ms`)
          }
        }
      }
    }
  })

  test('stays revoked as long as a renewal of it can be good, though accessTokenExpires is raised', async t => {
    stopped(t)
    const token = server().createAccessToken('ada', { renewable: true })
    await server({ sessionExpires: '30d' }).revoke(token)
    setTime(t, TEST_NOW + 30 * DAY)
    const payload = { ...claims(token), exp: (TEST_NOW + 30 * DAY) / 1000 }
    assert.equal(await server({ accessTokenExpires: '60d', sessionExpires: '90d' }).isRevoked(payload), true)
  })
})
