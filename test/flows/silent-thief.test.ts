import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import type { AuthXEvents, AuthXOptions } from '../../src/index.js'
import { FaultyTokenStore } from '../../src/testing/index.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { until } from '../support/until.js'
import { claimsOf, flowApi, verdict } from './api.js'

/** An API, and the replays and reuses that it has told of. */
async function watchedApi(t: TestContext, options: AuthXOptions = {}) {
  const api = await flowApi(t, options)
  const replays: AuthXEvents['replayed'][] = []
  const reuses: AuthXEvents['reuse'][] = []
  api.authx.on('replayed', event => replays.push(event))
  api.authx.on('reuse', event => reuses.push(event))
  return { ...api, replays, reuses }
}

type WatchedApi = Awaited<ReturnType<typeof watchedApi>>

/** All that an observer is shown, as text. */
const shownOf = async ({ authx }: WatchedApi, sid: unknown) =>
  JSON.stringify([await authx.listSessions('ada'), await authx.getSession(String(sid))])

describe('who polls the list of sessions', () => {
  /** What the list shows in each of the seconds around a refresh, which comes in that second of the third minute. */
  async function shownAround(t: TestContext, second: number): Promise<string[]> {
    const api = await watchedApi(t)
    const { json } = await api.login()
    const { sid } = claimsOf(json.access_token)
    const begin = api.clock.now
    const shown: string[] = []
    for (let n = 0; n < 240; n++) {
      api.clock.now = begin + n * 1000
      if (n === 120 + second) {
        api.clock.now += 321
        await api.refresh(json.refresh_token)
      }
      shown.push((await shownOf(api, sid)).replaceAll(String(sid), 'SID'))
    }
    return shown
  }

  test('learns the minute of a refresh when that is over, and not the moment', async t => {
    const [first = [], ...others] = await Promise.all([0, 1, 29, 45, 59].map(second => shownAround(t, second)))
    for (const other of others) assert.deepEqual(other, first)
    const changes = first.flatMap((shown, n) => (n > 0 && shown !== first[n - 1] ? [n] : []))
    assert.deepEqual(changes, [180])
  })

  test('learns no moment from the order either', async t => {
    const api = await watchedApi(t)
    const tokens = (await Promise.all([api.login(), api.login(), api.login()])).map(({ json }) => json)
    const order = async () => (await api.authx.listSessions('ada')).map(({ sid }) => sid)
    const before = await order()
    for (const { refresh_token } of tokens) {
      api.clock.now += 1_000
      await api.refresh(refresh_token)
      assert.deepEqual(await order(), before)
    }
  })

  test('and replays as soon as the list changes is too late, and is found out', async t => {
    const api = await watchedApi(t)
    const { json } = await api.login()
    const { sid } = claimsOf(json.access_token)
    api.clock.now += 15 * 60_000 + 7_000
    const before = await shownOf(api, sid)
    const next = await api.refresh(json.refresh_token)
    await api.protected(next.json.access_token)
    while ((await shownOf(api, sid)) === before) api.clock.now += 1_000
    assert.deepEqual(verdict(await api.refresh(json.refresh_token)), [401, 'ReusedTokenError'])
    assert.equal(api.reuses.length, 1)
  })
})

test('the list shows times of the past to the minute, by getSession and by the route alike', async t => {
  const api = await watchedApi(t, { sessionTracking: true })
  api.clock.now += 12_345
  const { json } = await api.login()
  const [begin, sid] = [api.clock.now, String(claimsOf(json.access_token).sid)]
  const times = async () => {
    const [listed] = await api.authx.listSessions('ada')
    assert.deepEqual(await api.authx.getSession(sid), listed)
    return [listed?.createdAt, listed?.lastActiveAt].map(date => Number(date) - (begin - 12_345))
  }
  assert.deepEqual(await times(), [0, 0])
  api.clock.now = begin + 90_000
  await api.protected(json.access_token)
  api.clock.now += 60_000
  await until(async () => assert.deepEqual(await times(), [0, 60_000]))
})

describe('a thief who replays inside each grace period', () => {
  /** The owner refreshes, and somebody with a copy replays three seconds later, until one of them is refused. */
  async function follow(api: WatchedApi, generations: number): Promise<number> {
    let own = (await api.login()).json.refresh_token
    let copy = own
    for (let n = 0; n < generations; n++) {
      api.clock.now += 15 * 60_000
      const owner = await api.refresh(own)
      if (owner.status !== 200) return n
      api.clock.now += 3_000
      const thief = await api.refresh(copy)
      assert.equal(thief.json.refresh_token, owner.json.refresh_token)
      own = copy = owner.json.refresh_token
    }
    return generations
  }

  test('is told of by a number that rises with each generation', async t => {
    const api = await watchedApi(t)
    assert.equal(await follow(api, 12), 12)
    assert.deepEqual(
      api.replays.map(({ replays }) => replays),
      [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12],
    )
    assert.deepEqual(api.reuses, [])
  })

  test('loses the session where the application ends it above three', async t => {
    const api = await watchedApi(t)
    api.authx.on('replayed', async ({ sid, replays }) => {
      if (replays > 3) await api.authx.revokeSession(sid)
    })
    assert.equal(await follow(api, 12), 4)
    assert.deepEqual(await api.authx.listSessions('ada'), [])
  })
})

describe('the number of replays', () => {
  test('does not rise by a second replay of one generation, and begins anew after a generation without', async t => {
    const api = await watchedApi(t)
    const first = (await api.login()).json.refresh_token
    const second = (await api.refresh(first)).json.refresh_token
    await api.refresh(first)
    await api.refresh(first)
    const third = (await api.refresh(second)).json.refresh_token
    await api.refresh(second)
    const fourth = (await api.refresh(third)).json.refresh_token
    await api.refresh(fourth)
    await api.refresh(fourth)
    const { sid } = claimsOf(first)
    assert.deepEqual(
      api.replays,
      [1, 1, 2, 1].map(replays => ({ sid, sub: 'ada', replays })),
    )
  })

  test('counts a hundred replays at once as one', async t => {
    const api = await watchedApi(t)
    const token = (await api.login()).json.refresh_token
    await api.refresh(token)
    const answers = await Promise.all(Array.from({ length: 100 }, () => api.refresh(token)))
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]))
    assert.deepEqual(new Set(api.replays.map(({ replays }) => replays)), new Set([1]))
    assert.equal(api.replays.length, 100)
  })

  test('outlives the writes of guards, and those outlive it', async t => {
    const api = await watchedApi(t, { sessionTracking: true })
    const { json } = await api.login()
    api.clock.now += 300_000
    const next = (await api.refresh(json.refresh_token)).json
    await api.refresh(json.refresh_token)
    api.clock.now += 65_000
    await api.protected(next.access_token)
    await api.refresh(next.refresh_token)
    await api.refresh(next.refresh_token)
    assert.deepEqual(
      api.replays.map(({ replays }) => replays),
      [1, 2],
    )
  })
})

test('a replay that cannot be counted is 503, and is had when the store answers again; one that is counted needs no write', async t => {
  const memory = new MemoryTokenStore()
  t.after(() => memory.close())
  const store = new FaultyTokenStore(memory)
  const api = await watchedApi(t, { store })
  const first = (await api.login()).json.refresh_token
  const second = (await api.refresh(first)).json.refresh_token

  store.loseReplies()
  assert.deepEqual(verdict(await api.refresh(first)), [503, 'StoreUnavailableError'])
  assert.deepEqual(api.replays, [])
  const replay = await api.refresh(first)
  assert.deepEqual([replay.status, replay.json.refresh_token], [200, second])
  store.heal()
  assert.equal((await api.refresh(first)).json.refresh_token, second)
  assert.deepEqual(
    api.replays.map(({ replays }) => replays),
    [1, 1],
  )
})
