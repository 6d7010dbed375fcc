import assert from 'node:assert/strict'
import { after, before, describe, type TestContext, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import type { AuthX, AuthXOptions, TokenStore } from '../../src/index.js'
import { listingKey, sessionKey, TOMBSTONE } from '../../src/session/record.js'
import { FaultyTokenStore } from '../../src/testing/index.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { type Answer, type Api, startApis } from '../support/api.js'
import { makeAuthX, TEST_NOW } from '../support/app.js'
import { refreshing } from '../support/refresh.js'
import { sharedBackends } from '../support/shared-backends.js'
import { contentOf } from '../support/signing.js'
import type { SharedBackend } from '../support/store-kinds.js'
import { until } from '../support/until.js'

const LIST = listingKey('ada', undefined)
const REFUSED = { name: 'TooManySessionsError', status: 403, code: 'ERR_TOO_MANY_SESSIONS' }
const UNAVAILABLE = { name: 'StoreUnavailableError' }
const LIMIT = 3

/** The deadline is tested elsewhere; on a loaded machine with a synchronous disk a race takes its time. */
const storeTimeout = 20_000

const backends = sharedBackends()

const ARENAS: { name: string; processes: number; backend(): SharedBackend | undefined }[] = [
  { name: 'the memory store, in one process', processes: 1, backend: () => undefined },
  { name: 'SQLite, from four processes', processes: 4, backend: () => backends.sqlite('limit') },
  { name: 'Redis, from four processes', processes: 4, backend: () => backends.redis() },
  { name: 'PostgreSQL, from four processes', processes: 4, backend: () => backends.postgres() },
]

const inTurn = (apis: readonly Api[], n: number) => apis[n % apis.length] as Api
const times = <T>(count: number, make: (n: number) => T) => Array.from({ length: count }, (_, n) => make(n))
const sidOf = (token: unknown) => String(contentOf(String(token)).claims.sid)

for (const { name, processes, backend } of ARENAS) {
  for (const tooManySessions of ['endOldest', 'refuse'] as const) {
    describe(`of forty logins of one subject at once, on ${name}, with '${tooManySessions}'`, () => {
      const sub = `ada-${tooManySessions}`
      let apis: Api[]
      let answers: Answer[]
      const login = (n: number) => inTurn(apis, n).call('POST', `/login/${sub}`)
      const statusesOf = (all: readonly Answer[]) => all.map(({ status }) => status)
      /** The answers whose access token every process accepts. Every other answer is refused by every process. */
      const liveAmong = async (all: readonly Answer[]) => {
        const live: Answer[] = []
        for (const answer of all.filter(({ status }) => status === 200)) {
          const seen = await Promise.all(apis.map(api => api.call('GET', '/protected', answer.body.access_token)))
          assert.equal(new Set(statusesOf(seen)).size, 1)
          if (seen[0]?.status === 200) live.push(answer)
          else assert.equal(seen[0]?.body.error_type, 'RevokedTokenError')
        }
        return live
      }
      before(async () => {
        const shared = backend()
        const options = { maxSessions: LIMIT, tooManySessions, storeTimeout }
        apis = await startApis(processes, { ...(shared && { backend: shared }), options })
        answers = await Promise.all(times(40, login))
      })
      after(() => apis.forEach(api => void api.stop()))

      test('exactly as many live as the limit says, in every process and in the list', async () => {
        const succeeded = tooManySessions === 'refuse' ? LIMIT : 40
        assert.equal(statusesOf(answers).filter(status => status === 200).length, succeeded)
        for (const { status, body } of answers) {
          if (status !== 200) assert.deepEqual([status, body.error_type], [403, 'TooManySessionsError'])
        }
        const live = await liveAmong(answers)
        assert.equal(live.length, LIMIT)
        const { body } = await inTurn(apis, 1).call('GET', '/sessions', live[0]?.body.access_token)
        assert.deepEqual((body.sids as string[]).sort(), live.map(each => sidOf(each.body.access_token)).sort())
      })

      test('a logout gives its place to one more login, whose session lives', async () => {
        const [first] = await liveAmong(answers)
        assert.equal((await inTurn(apis, 1).call('POST', '/logout', first?.body.access_token)).status, 204)
        const later = await login(2)
        assert.equal(later.status, 200)
        answers.push(later)
        const live = await liveAmong(answers)
        assert.equal(live.length, LIMIT)
        assert.ok(live.includes(later))
      })

      test('revoking all sessions gives all places back', async () => {
        const [first] = await liveAmong(answers)
        const ended = await inTurn(apis, 3).call('POST', '/logout-everywhere', first?.body.access_token)
        assert.equal(ended.status, 204)
        assert.deepEqual(await liveAmong(answers), [])
        const later = await Promise.all(times(LIMIT, login))
        assert.deepEqual(statusesOf(later), Array(LIMIT).fill(200))
        assert.equal((await liveAmong(later)).length, LIMIT)
      })
    })
  }
}

/** A store whose writes can fail, before or after they are applied, by key and value. */
class FailingStore implements TokenStore {
  failsBefore = (_key: string, _value: string) => false
  failsAfter = (_key: string, _value: string) => false
  readonly writes: string[] = []
  reads = 0
  readonly #store = new MemoryTokenStore()

  async get(keys: readonly string[]) {
    this.reads++
    await setImmediate()
    return this.#store.get(keys)
  }

  async compareAndSet(...args: Parameters<TokenStore['compareAndSet']>) {
    const [key, , value] = args
    this.writes.push(key)
    await setImmediate()
    if (this.failsBefore(key, value)) throw new Error('the write failed')
    const written = await this.#store.compareAndSet(...args)
    if (this.failsAfter(key, value)) throw new Error('the reply is lost')
    return written
  }

  heal(): void {
    this.failsBefore = () => false
    this.failsAfter = () => false
  }
}

function limitedTo(maxSessions: number, options: AuthXOptions = {}) {
  const store = new FailingStore()
  const clock = { now: TEST_NOW }
  const authx = makeAuthX({ store, storeTimeout, maxSessions, now: () => clock.now, ...options })
  const reopened = () => makeAuthX({ store, storeTimeout, maxSessions, now: () => clock.now, ...options })
  return { authx, store, clock, reopened }
}

const login = async (authx: AuthX, sub = 'ada') => sidOf((await authx.createTokenPair(sub)).access_token)
const isLive = async (authx: AuthX, sid: string) => (await authx.getSession(sid)) !== undefined
const liveSids = async (authx: AuthX, sids: readonly string[]) => {
  const live = await Promise.all(sids.map(sid => isLive(authx, sid)))
  return sids.filter((_, n) => live[n])
}

describe('a login beyond maxSessions', () => {
  test('ends the oldest logins, and tells of each', async () => {
    const { authx } = limitedTo(2)
    const revoked: object[] = []
    authx.on('revoked', event => revoked.push(event))
    const sids = [await login(authx), await login(authx), await login(authx), await login(authx)]
    assert.deepEqual(await liveSids(authx, sids), sids.slice(2))
    assert.deepEqual(
      revoked,
      sids.slice(0, 2).map(sid => ({ sid, sub: 'ada' })),
    )
  })

  test('with refuse writes nothing', async () => {
    const { authx, store } = limitedTo(2, { tooManySessions: 'refuse' })
    const sids = [await login(authx), await login(authx)]
    const before = store.writes.length
    const issued: object[] = []
    authx.on('issued', event => issued.push(event))
    await assert.rejects(login(authx), REFUSED)
    await setImmediate()
    assert.equal(store.writes.length, before)
    assert.deepEqual(issued, [])
    assert.deepEqual(await liveSids(authx, sids), sids)
  })

  test('counts only sessions of its own subject and login type', async () => {
    const { authx, store } = limitedTo(1)
    const admin = makeAuthX({ store, maxSessions: 1, loginType: 'admin', now: () => TEST_NOW })
    const sids = [await login(authx), await login(authx, 'grace')]
    await login(admin)
    assert.deepEqual(await liveSids(authx, sids), sids)
  })

  test('ends no live session for one that has expired, and ends that one for servers whose clock is behind', async () => {
    const { authx, store, clock } = limitedTo(2)
    const old = await login(authx)
    const short = sidOf((await authx.createTokenPair('ada', { refreshExpiry: '1h' })).access_token)
    clock.now += 3_600_000
    const latest = await login(authx)
    assert.deepEqual(await liveSids(authx, [old, short, latest]), [old, latest])
    const behind = makeAuthX({ store, now: () => TEST_NOW })
    assert.equal(await isLive(behind, short), false)
  })

  test('with refuse gets the place of a session that has expired', async () => {
    const { authx, clock } = limitedTo(1, { tooManySessions: 'refuse' })
    await authx.createTokenPair('ada', { refreshExpiry: '1h' })
    await assert.rejects(login(authx), REFUSED)
    clock.now += 3_600_000
    assert.equal(await isLive(authx, await login(authx)), true)
    await assert.rejects(login(authx), REFUSED)
  })

  test('ends all sessions beyond a limit that was lowered, and with refuse none of them', async () => {
    const { authx, store } = limitedTo(5)
    const sids = [await login(authx), await login(authx), await login(authx)]
    const refusing = makeAuthX({ store, maxSessions: 1, tooManySessions: 'refuse', now: () => TEST_NOW })
    await assert.rejects(login(refusing), REFUSED)
    assert.deepEqual(await liveSids(authx, sids), sids)
    const lowered = makeAuthX({ store, maxSessions: 1, now: () => TEST_NOW })
    const latest = await login(lowered)
    assert.deepEqual(await liveSids(authx, [...sids, latest]), [latest])
  })

  test('is unavailable if koa-authx did not write the list', async () => {
    for (const tooManySessions of ['endOldest', 'refuse'] as const) {
      const { authx, store } = limitedTo(1, { tooManySessions })
      await store.compareAndSet(LIST, undefined, 'not a list', new Date(Date.now() + 60_000))
      await assert.rejects(login(authx), UNAVAILABLE)
    }
  })
})

describe('the first refresh of a token without a session', () => {
  for (const tooManySessions of ['endOldest', 'refuse'] as const) {
    test(`opens a session that takes the place of the oldest, with '${tooManySessions}'`, async (t: TestContext) => {
      const { authx } = limitedTo(2, { tooManySessions })
      const sids = [await login(authx), await login(authx)]
      const opener = authx.createRefreshToken('ada')
      const { status, json } = await (await refreshing(t, authx))(opener)
      assert.equal(status, 200)
      const all = [...sids, sidOf(json.access_token)]
      assert.deepEqual(await liveSids(authx, all), all.slice(1))
    })
  }
})

test('a session that must end does not take the place of a later login when its first token is sent again', async t => {
  const { authx, store } = limitedTo(2)
  const opener = authx.createRefreshToken('ada')
  const refresh = await refreshing(t, authx)
  const opened = sidOf((await refresh(opener)).json.access_token)
  const later = await login(authx)
  store.failsBefore = (_key, value) => value === TOMBSTONE
  await assert.rejects(login(authx), UNAVAILABLE)
  store.heal()
  await refresh(opener)
  assert.deepEqual(await liveSids(authx, [opened, later]), [later])
})

describe('fifty logins of one subject at once', () => {
  for (const tooManySessions of ['endOldest', 'refuse'] as const) {
    test(`share the writes of the list, with '${tooManySessions}'`, async () => {
      const { authx, store } = limitedTo(LIMIT, { tooManySessions })
      const results = await Promise.allSettled(times(50, () => login(authx)))
      const sids = results.flatMap(result => (result.status === 'fulfilled' ? [result.value] : []))
      assert.equal((await liveSids(authx, sids)).length, LIMIT)
      assert.ok(store.writes.filter(key => key === LIST).length <= 8, `${store.writes.length} writes`)
      assert.ok(store.reads <= 50 * 6, `${store.reads} reads`)
    })
  }

  test('are told before the ends of their sessions', async () => {
    const { authx } = limitedTo(LIMIT)
    const events: [string, string][] = []
    for (const name of ['issued', 'revoked'] as const) authx.on(name, ({ sid }) => events.push([name, sid]))
    await Promise.all(times(50, () => login(authx)))
    await setImmediate()
    const seen = new Set<string>()
    for (const [name, sid] of events) {
      if (name === 'revoked') assert.ok(seen.has(sid), 'revoked before it was issued')
      seen.add(sid)
    }
    assert.equal(events.filter(([name]) => name === 'issued').length, 50)
    assert.equal(events.filter(([name]) => name === 'revoked').length, 50 - LIMIT)
  })
})

describe('a login that fails', () => {
  test('before the others have ended is not answered, and the next one ends them', async () => {
    const { authx, store, reopened } = limitedTo(2)
    const sids = [await login(authx), await login(authx)]
    store.failsBefore = (_key, value) => value === TOMBSTONE
    await assert.rejects(login(authx), UNAVAILABLE)
    assert.deepEqual(await liveSids(authx, sids), sids)
    store.heal()
    const next = reopened()
    const later = [await login(next), await login(next)]
    assert.deepEqual(await liveSids(next, [...sids, ...later]), later)
    assert.equal((await next.listSessions('ada')).length, 2)
  })

  test('takes no place for long, whichever of its replies is lost', async () => {
    const cases = [(key: string) => key === LIST, (key: string) => key.startsWith('session:')]
    for (const failsAfter of cases) {
      const { authx, store } = limitedTo(1, { tooManySessions: 'refuse' })
      store.failsAfter = failsAfter
      await assert.rejects(login(authx), UNAVAILABLE)
      store.heal()
      await until(() => login(authx).then(() => true))
      await assert.rejects(login(authx), REFUSED)
    }
  })

  test('takes no place when the store is down, however often it is tried', async () => {
    const store = new FaultyTokenStore(new MemoryTokenStore())
    const authx = makeAuthX({ store, storeTimeout, maxSessions: 2, tooManySessions: 'refuse' })
    store.down()
    for (let n = 0; n < 5; n++) await assert.rejects(login(authx), UNAVAILABLE)
    store.loseReplies()
    for (let n = 0; n < 5; n++) await assert.rejects(login(authx), UNAVAILABLE)
    store.heal()
    const sids = [await login(authx), await login(authx)]
    await assert.rejects(login(authx), REFUSED)
    assert.deepEqual(await liveSids(authx, sids), sids)
  })

  test('because another one was faster leaves no session behind', async () => {
    const { authx, store } = limitedTo(1, { tooManySessions: 'refuse' })
    const results = await Promise.allSettled(times(5, () => login(authx)))
    assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1)
    const keys = [...new Set(store.writes.filter(key => key.startsWith('session:')))]
    await until(async () => {
      const values = await store.get(keys)
      return values.filter(value => value !== TOMBSTONE).length === 1
    })
    const [winner] = results.flatMap(result => (result.status === 'fulfilled' ? [result.value] : []))
    const [record] = await store.get([sessionKey(String(winner))])
    assert.notEqual(record, TOMBSTONE)
  })
})
