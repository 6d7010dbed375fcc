import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { AuthX, AuthXOptions, SessionList, TokenStore } from '../../src/index.js'
import { listingKey } from '../../src/session/record.js'
import { FaultyTokenStore } from '../../src/testing/index.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { type Api, startApis } from '../support/api.js'
import { makeAuthX, TEST_NOW } from '../support/app.js'
import { refreshing } from '../support/refresh.js'
import { sharedBackends } from '../support/shared-backends.js'
import { contentOf, forgeWith } from '../support/signing.js'
import { openShared, type SharedBackend } from '../support/store-kinds.js'
import { until } from '../support/until.js'

const UNAVAILABLE = { name: 'StoreUnavailableError' }
const LIST = listingKey('ada', undefined)
const YEAR = 365 * 86_400_000

/** Another store, each call of which waits for the next turn of the event loop, as over a network. It notes the calls. */
class WatchedStore implements TokenStore {
  readonly reads: (readonly string[])[] = []
  readonly writes: string[] = []
  /** Keys that are being read now, and the most that ever were. */
  reading = 0
  mostReading = 0
  readonly #store: TokenStore
  #held: Promise<void> | undefined
  #isHeld: (verb: string, key: string) => boolean = () => false

  constructor(store: TokenStore = new MemoryTokenStore()) {
    this.#store = store
  }

  /** Keep such calls waiting until the function that is returned is called. */
  hold(isHeld: (verb: string, key: string) => boolean): () => void {
    let release = () => {}
    this.#isHeld = isHeld
    this.#held = new Promise(resolve => {
      release = resolve
    })
    return () => {
      this.#isHeld = () => false
      release()
    }
  }

  async get(keys: readonly string[]) {
    this.reads.push(keys)
    this.reading += keys.length
    this.mostReading = Math.max(this.mostReading, this.reading)
    await this.#turn('get', keys)
    this.reading -= keys.length
    return this.#store.get(keys)
  }

  async compareAndSet(...args: Parameters<TokenStore['compareAndSet']>) {
    this.writes.push(args[0])
    await this.#turn('compareAndSet', [args[0]])
    return this.#store.compareAndSet(...args)
  }

  writesOf(key: string): number {
    return this.writes.filter(each => each === key).length
  }

  async #turn(verb: string, keys: readonly string[]): Promise<void> {
    if (keys.some(key => this.#isHeld(verb, key))) await this.#held
    else await new Promise(setImmediate)
  }
}

const times = <T>(count: number, make: (n: number) => T) => Array.from({ length: count }, (_, n) => make(n))
const sidIn = ({ access_token }: { access_token: string }) => String(contentOf(access_token).claims.sid)
const sidsIn = (list: SessionList) => list.map(({ sid }) => sid).sort()

async function login(authx: AuthX, sub = 'ada'): Promise<string> {
  return sidIn(await authx.createTokenPair(sub))
}

async function logins(authx: AuthX, count: number, sub = 'ada'): Promise<string[]> {
  return Promise.all(times(count, () => login(authx, sub)))
}

const storedIn = async (store: TokenStore) => JSON.parse((await store.get([LIST]))[0] ?? '[]') as [string, number][]
const write = async (store: TokenStore, key: string, value: string) => {
  const [former] = await store.get([key])
  assert.ok(await store.compareAndSet(key, former, value, new Date(Date.now() + YEAR)))
}

const backends = sharedBackends()

const ARENAS: [string, number, () => SharedBackend | undefined][] = [
  ['of a memory store', 1, () => undefined],
  ['in SQLite', 1, () => backends.sqlite('one')],
  ['in SQLite, of two processes', 2, () => backends.sqlite('two')],
  ['in Redis', 1, () => backends.redis()],
  ['in Redis, of two processes', 2, () => backends.redis()],
  ['in PostgreSQL', 1, () => backends.postgres()],
  ['in PostgreSQL, of two processes', 2, () => backends.postgres()],
]

for (const [where, processes, backend] of ARENAS) {
  describe(`the list ${where}`, () => {
    test('holds each of 150 logins at once that was answered', async () => {
      const shared = backend()
      const apis = await startApis(processes, shared ? { backend: shared } : {})
      const api = (n: number) => apis[n % apis.length] as Api
      try {
        const sub = `many-${processes}`
        for (const each of apis) await each.call('POST', `/login/${sub}`)
        const answers = await Promise.all(times(150, n => api(n).call('POST', `/login/${sub}`)))
        const answered = answers.filter(({ status }) => status === 200).map(({ body }) => body.access_token as string)
        assert.ok(answered.length > 0)
        const listed = new Set<unknown>()
        await until(async () => {
          const { status, body } = await api(0).call('GET', '/sessions', answered[0])
          for (const sid of status === 200 ? (body.sids as string[]) : []) listed.add(sid)
          return status === 200
        })
        assert.deepEqual(
          answered.map(token => contentOf(token).claims.sid as string).filter(sid => !listed.has(sid)),
          [],
        )
      } finally {
        for (const each of apis) each.stop()
      }
    })
  })
}

describe('a login that was answered is in the list', () => {
  test('and logins that come while the list is written are written together', async () => {
    const store = new WatchedStore()
    const authx = makeAuthX({ store, storeTimeout: 20_000 })
    const sids = await logins(authx, 50)
    assert.deepEqual(sidsIn(await authx.listSessions('ada')), sids.sort())
    assert.ok(store.writesOf(LIST) <= 3, `${store.writesOf(LIST)} writes for 50 logins`)
  })

  test('or the answer is 503, if the list could not be written', async () => {
    const store = new WatchedStore()
    const authx = makeAuthX({ store, storeTimeout: 300 })
    for (const verb of ['get', 'compareAndSet']) {
      const release = store.hold((asked, key) => asked === verb && key === LIST)
      await assert.rejects(login(authx), UNAVAILABLE)
      const writes = store.writesOf(LIST)
      release()
      await new Promise(setImmediate)
      await new Promise(setImmediate)
      assert.equal(store.writesOf(LIST), writes, 'nothing is written after the answer')
    }
    const sid = await login(authx)
    assert.ok(sidsIn(await authx.listSessions('ada')).includes(sid))
  })

  test('though a login before it was given up while it waited for the list', async () => {
    const store = new WatchedStore()
    const [hasty, patient] = [50, 5000].map(storeTimeout => makeAuthX({ store, storeTimeout })) as [AuthX, AuthX]
    const release = store.hold((_, key) => key === LIST)
    const other = login(patient)
    await assert.rejects(login(hasty), UNAVAILABLE)
    release()
    const sid = await other
    assert.deepEqual(sidsIn(await patient.listSessions('ada')), [sid])
  })

  test('whatever happened to the store before: no call that never ends keeps the list', async () => {
    const store = new FaultyTokenStore(new MemoryTokenStore())
    const authx = makeAuthX({ store, storeTimeout: 300 })
    const kept = await login(authx)
    store.hang()
    const calls = [login(authx), login(authx), authx.listSessions('ada'), authx.listSessions('ada')]
    for (const { status } of await Promise.allSettled(calls)) assert.equal(status, 'rejected')
    store.slow(0)
    const later = await login(authx)
    assert.deepEqual(sidsIn(await authx.listSessions('ada')), [kept, later].sort())
  })

  test('and neither does one key that is never answered keep the long lists of others', async () => {
    const store = new WatchedStore()
    const authx = makeAuthX({ store, storeTimeout: 400 })
    const [slow, others] = [await logins(authx, 60, 'eve'), await logins(authx, 300)]
    const release = store.hold((verb, key) => verb === 'get' && key === `session:${slow[55]}`)
    const asked = Array.from({ length: 3 }, () => authx.listSessions('eve').catch((error: unknown) => error))
    assert.deepEqual(sidsIn(await authx.listSessions('ada')), others.sort())
    assert.ok((await Promise.all(asked)).every(answer => answer instanceof Error))
    release()
  })

  test('and a list that the library did not write costs nobody a login', async () => {
    const store = new MemoryTokenStore()
    const authx = makeAuthX({ store, storeTimeout: 20_000 })
    for (const value of ['{}', '[["a","b"]]', '[["a",1,"c"]]']) {
      await write(store, LIST, value)
      await login(authx)
      assert.deepEqual(await store.get([LIST]), [value])
      await assert.rejects(authx.listSessions('ada'), UNAVAILABLE)
    }
  })

  test('and so is the session that a token without one opens, if its first refresh could not list it', async t => {
    const store = new WatchedStore()
    const authx = makeAuthX({ store, storeTimeout: 300 })
    const refresh = await refreshing(t, authx)
    const token = authx.createRefreshToken('ada')
    const release = store.hold((_, key) => key === LIST)
    assert.equal((await refresh(token)).status, 503)
    release()
    assert.equal((await refresh(token)).status, 200)
    assert.deepEqual(sidsIn(await authx.listSessions('ada')), [contentOf(token).claims.jti])
  })
})

const KINDS: Record<string, () => SharedBackend | undefined> = {
  memory: () => undefined,
  SQLite: () => backends.sqlite('in-and-out'),
  Redis: () => backends.redis(),
  PostgreSQL: () => backends.postgres(),
}

for (const [kind, backend] of Object.entries(KINDS)) {
  describe(`the list on ${kind}`, () => {
    test('still holds the session of who logs in once, and then in and out 1,200 times', async () => {
      const shared = backend()
      const store = shared ? openShared(shared, { prefix: 'inout:', timeout: 20_000 }) : new MemoryTokenStore()
      const authx = makeAuthX({ store, storeTimeout: 20_000 })
      try {
        const first = await login(authx)
        for (let n = 0; n < 1200; n++) await authx.revokeSession(await login(authx))
        const list = await authx.listSessions('ada')
        assert.deepEqual([sidsIn(list), list.incomplete], [[first], undefined])
      } finally {
        await store.close?.()
      }
    })
  })
}

describe('ended sessions make room before live ones', () => {
  test('also if they ended by logging out everywhere', async () => {
    const authx = makeAuthX({ store: new MemoryTokenStore(), storeTimeout: 20_000 })
    const first = await login(authx)
    for (let round = 0; round < 8; round++) {
      await logins(authx, 100)
      await authx.revokeAllSessions('ada', { except: first })
    }
    const list = await authx.listSessions('ada')
    assert.deepEqual([sidsIn(list), list.incomplete], [[first], undefined])
  })

  test('and leave the list when they are seen', async () => {
    const store = new MemoryTokenStore()
    const authx = makeAuthX({ store, storeTimeout: 20_000 })
    const [kept, ...others] = await logins(authx, 120)
    for (const sid of others) await authx.revokeSession(sid)
    assert.equal((await authx.listSessions('ada')).length, 1)
    await until(async () =>
      assert.deepEqual(
        (await storedIn(store)).map(([sid]) => sid),
        [kept],
      ),
    )
    await authx.revokeAllSessions('ada')
    assert.deepEqual(await authx.listSessions('ada'), [])
    await until(async () => assert.deepEqual(await storedIn(store), []))
    const again = await login(authx)
    assert.deepEqual(sidsIn(await authx.listSessions('ada')), [again])
  })

  test('and leave it at a login after their end, when the store has let go of them', async () => {
    const store = new MemoryTokenStore()
    let now = Date.now()
    const authx = makeAuthX({ store, now: () => now })
    await write(store, LIST, JSON.stringify([['gone', now + 1000]]))
    now += 3_600_000
    const sid = await login(authx)
    await until(async () =>
      assert.deepEqual(
        (await storedIn(store)).map(([id]) => id),
        [sid],
      ),
    )
  })

  test('but a server whose clock is ahead hides no session from the others', async () => {
    const store = new MemoryTokenStore()
    const [right, ahead] = [0, YEAR].map(by =>
      makeAuthX({ store, now: () => Date.now() + by, storeTimeout: 20_000 }),
    ) as [AuthX, AuthX]
    const sids = await logins(right, 60)
    assert.deepEqual(await ahead.listSessions('ada'), [])
    sids.push(await login(ahead))
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
    assert.deepEqual((await storedIn(store)).map(([sid]) => sid).sort(), sids.sort())
    assert.equal((await right.listSessions('ada')).length, 61)
  })
})

describe('a list of more than 500 live sessions', () => {
  const full = async (count: number, options: AuthXOptions = {}) => {
    const store = new MemoryTokenStore()
    const authx = makeAuthX({ store, storeTimeout: 20_000, ...options })
    const sids: string[] = []
    for (let n = 0; n < count; n++) sids.push(await login(authx))
    return { store, authx, sids }
  }

  test('holds the 500 youngest and says that it is incomplete', async () => {
    for (const [count, incomplete] of [
      [500, undefined],
      [501, true],
      [800, true],
    ] as const) {
      const { authx, sids } = await full(count)
      for (const time of ['first', 'second']) {
        const list = await authx.listSessions('ada')
        assert.deepEqual([sidsIn(list), list.incomplete], [sids.slice(-500).sort(), incomplete], `${count}, ${time}`)
      }
    }
  })

  test('stays a value that every store takes, however many come at once and whatever their ids are', async t => {
    const store = new MemoryTokenStore()
    const authx = makeAuthX({ store, now: () => TEST_NOW, storeTimeout: 20_000 })
    const refresh = await refreshing(t, authx)
    const open = (jti: string) => refresh(forgeWith({ sub: 'ada', type: 'refresh', jti }))
    const ids = [...times(800, n => `${n}`.padEnd(64, '-')), ...times(100, n => `${n}`.padEnd(64, '\u0001'))]
    for (const { status } of await Promise.all(ids.map(open))) assert.equal(status, 200)
    const [value = ''] = await store.get([LIST])
    assert.ok(Buffer.byteLength(value) < 65_536, `${Buffer.byteLength(value)} bytes`)
    const list = await authx.listSessions('ada')
    assert.deepEqual([list.length, list.incomplete], [500, true])
  })

  test('drops the oldest unseen, and says so, if the store is too slow to look for ended ones', async () => {
    const store = new WatchedStore()
    const authx = makeAuthX({ store, storeTimeout: 2000 })
    const sids: string[] = []
    for (let n = 0; n < 700; n++) sids.push(await login(authx))
    const release = store.hold((verb, key) => verb === 'get' && key.startsWith('session:'))
    sids.push(await login(authx))
    release()
    const list = await authx.listSessions('ada')
    assert.deepEqual([sidsIn(list), list.incomplete], [sids.slice(-500).sort(), true])
  })

  test('is complete again once the sessions without room are over', async () => {
    const { authx } = await full(800)
    await authx.revokeAllSessions('ada')
    const after = await authx.listSessions('ada')
    assert.deepEqual([after.length, after.incomplete], [0, undefined])
    await login(authx)
    assert.equal((await authx.listSessions('ada')).incomplete, undefined)

    let now = Date.now()
    const other = await full(800, { now: () => now })
    await other.authx.listSessions('ada')
    now += 90 * 86_400_000
    assert.deepEqual([...(await other.authx.listSessions('ada'))], [])
    assert.equal((await other.authx.listSessions('ada')).incomplete, undefined)
  })

  test('is incomplete as long as one of those lives, because it was spared', async () => {
    const { authx, sids } = await full(800)
    await authx.listSessions('ada')
    await authx.revokeAllSessions('ada', { except: String(sids[0]) })
    const list = await authx.listSessions('ada')
    assert.deepEqual([list.length, list.incomplete], [0, true])
    await authx.revokeSession(String(sids[0]))
    assert.equal((await authx.listSessions('ada')).incomplete, undefined)
  })

  test('is complete when one that was spared and listed has ended', async () => {
    const { authx, sids } = await full(800)
    const spared = String(sids.at(-1))
    await authx.revokeAllSessions('ada', { except: spared })
    await authx.revokeSession(spared)
    const young = await login(authx)
    for (const time of ['first', 'second']) {
      const list = await authx.listSessions('ada')
      assert.deepEqual([sidsIn(list), list.incomplete], [[young], undefined], time)
    }
  })
})

describe('reading a list', () => {
  test('asks for at most 50 keys at a time, one piece after the other', async () => {
    const store = new WatchedStore()
    const authx = makeAuthX({ store, storeTimeout: 20_000 })
    const sids = await logins(authx, 500)
    Object.assign(store, { reads: [], mostReading: 0 })
    const lists = await Promise.all(times(25, () => authx.listSessions('ada')))
    for (const list of lists) assert.deepEqual(sidsIn(list), sids.sort())
    assert.ok(Math.max(...store.reads.map(({ length }) => length)) <= 50)
    assert.ok(store.mostReading <= 50, `${store.mostReading} keys at once`)
    assert.ok(store.reads.length <= 2 * 11, `${store.reads.length} reads for 25 lists`)
  })

  test('of many subjects at once has one piece under way besides the first of each', async () => {
    const store = new WatchedStore()
    const authx = makeAuthX({ store, storeTimeout: 20_000 })
    const subjects = times(8, n => `subject-${n}`)
    for (const sub of subjects) await logins(authx, 200, sub)
    store.mostReading = 0
    const lists = await Promise.all(subjects.map(sub => authx.listSessions(sub)))
    assert.deepEqual(
      lists.map(({ length }) => length),
      Array(8).fill(200),
    )
    assert.ok(store.mostReading <= 8 * 50 + 50, `${store.mostReading} keys at once`)
  })

  test('of very many subjects at once is begun for ten of them, and for the others one after the other', async () => {
    const store = new WatchedStore()
    const authx = makeAuthX({ store, storeTimeout: 20_000 })
    const subjects = times(60, n => `subject-${n}`)
    for (const sub of subjects) await logins(authx, 60, sub)
    store.mostReading = 0
    const lists = await Promise.all(subjects.map(sub => authx.listSessions(sub)))
    assert.deepEqual(
      lists.map(({ length }) => length),
      Array(60).fill(60),
    )
    assert.ok(store.mostReading <= 10 * 50 + 50 + 60 * 2, `${store.mostReading} keys at once`)
  })

  test('leaves room for guards: they are answered over Redis while somebody asks for a long list again and again', () =>
    leavesRoom(backends.redis()))

  test('leaves room for guards, over PostgreSQL too', () => leavesRoom(backends.postgres()))

  async function leavesRoom(backend: SharedBackend): Promise<void> {
    const store = openShared(backend, { prefix: 'room:', timeout: 20_000 })
    const authx = makeAuthX({ store, storeTimeout: 20_000 })
    try {
      for (let n = 0; n < 20; n++) await logins(authx, 25)
      const { access_token } = await authx.createTokenPair('grace')
      const payload = await authx.verifyToken(access_token)
      let listing = true
      const lists = Promise.all(
        times(25, async () => {
          for (let n = 0; n < 4; n++) assert.equal((await authx.listSessions('ada')).length, 500)
        }),
      ).finally(() => {
        listing = false
      })
      do assert.equal(await authx.isRevoked(payload), false)
      while (listing)
      await lists
    } finally {
      await store.close?.()
    }
  }

  test('shows what was answered before it began, though another reading was under way', async () => {
    const store = new WatchedStore()
    const authx = makeAuthX({ store, storeTimeout: 20_000 })
    const [gone] = await logins(authx, 60)
    const release = store.hold((verb, key) => verb === 'get' && key === `session:${gone}`)
    const early = authx.listSessions('ada')
    await new Promise(setImmediate)
    const added = await login(authx)
    await authx.revokeAllSessions('ada', { except: added })
    const late = authx.listSessions('ada')
    release()
    await early
    assert.deepEqual(sidsIn(await late), [added])
  })

  test('gives every caller a list of its own', async () => {
    const store = new WatchedStore()
    const authx = makeAuthX({ store })
    await authx.createTokenPair('ada', { device: { name: 'phone', at: ['home'] } })
    const [one, other] = await Promise.all([authx.listSessions('ada'), authx.listSessions('ada')])
    const [session] = one as [SessionList[number]]
    session.createdAt.setTime(0)
    Object.assign(session.device, { name: 'changed' })
    ;(session.device.at as string[]).push('work')
    one.pop()
    assert.equal(other.length, 1)
    assert.notEqual(other[0]?.createdAt.getTime(), 0)
    assert.deepEqual(other[0]?.device, { name: 'phone', at: ['home'] })
  })

  test('takes a list as former versions wrote it, and writes one that they can read', async () => {
    const store = new MemoryTokenStore()
    const authx = makeAuthX({ store, storeTimeout: 20_000 })
    const sids = await logins(authx, 800)
    const list = await storedIn(store)
    assert.ok(list.length <= 701)
    for (const entry of list) assert.deepEqual([typeof entry[0], typeof entry[1]], ['string', 'number'])
    await write(store, LIST, JSON.stringify(sids.slice(-3).map(sid => [sid, Date.now() + YEAR])))
    assert.deepEqual(sidsIn(await authx.listSessions('ada')), sids.slice(-3).sort())
  })
})
