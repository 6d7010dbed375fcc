import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { AuthX, type AuthXEvents, type EventName, type TokenStore } from '../../src/index.js'
import { FaultyTokenStore } from '../../src/testing/index.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { TEST_NOW, TEST_SECRET } from '../support/app.js'
import { refreshing } from '../support/refresh.js'

/** All events of what is written. `refused` is none of them: test/flows/refused.test.ts is about it. */
const NAMES = Object.keys({
  issued: 0,
  refreshed: 0,
  replayed: 0,
  recovered: 0,
  reuse: 0,
  revoked: 0,
  allRevoked: 0,
  issuerRevoked: 0,
  storeRollback: 0,
  storeError: 0,
} satisfies Record<Exclude<EventName, 'refused'>, 0>) as EventName[]

/** What happens to the next write: it is done and its answer is lost, it is done too late to be told, or it is not done. */
type Fault = 'lost' | 'late' | 'refused'
const FAULTS: readonly Fault[] = ['lost', 'late', 'refused']

/** A store whose reads are always answered, and whose next write has a fault. */
class FaultyWrites implements TokenStore {
  readonly memory = new MemoryTokenStore()
  readonly #writes = new FaultyTokenStore(this.memory)

  get(keys: readonly string[]) {
    return this.memory.get(keys)
  }

  compareAndSet(...call: Parameters<TokenStore['compareAndSet']>) {
    return this.#writes.compareAndSet(...call)
  }

  fail(fault: Fault): void {
    if (fault === 'lost') this.#writes.loseReplies()
    else if (fault === 'refused') this.#writes.down()
    else this.#writes.slow(60_000)
  }

  heal(): void {
    this.#writes.heal()
  }

  /** Ends the calls that wait too. */
  close() {
    return this.#writes.close()
  }
}

async function sceneOf(t: TestContext) {
  const store = new FaultyWrites()
  t.after(() => store.close())
  const clock = { now: TEST_NOW }
  const authx = new AuthX({ secretKey: TEST_SECRET, store, storeTimeout: 100, now: () => clock.now })
  const told: string[] = []
  for (const name of NAMES) authx.on(name, event => told.push(named(name, event)))
  const send = await refreshing(t, authx)
  /** The successor, or the name of the error. */
  const refresh = async (token: string): Promise<string> => {
    const { status, json } = await send(token)
    return status === 200 ? String(json.refresh_token) : String(json.error_type)
  }
  const news = async () => {
    await new Promise(setImmediate)
    return told.splice(0)
  }
  return { store, clock, authx, refresh, news }
}

type Scene = Awaited<ReturnType<typeof sceneOf>>

/** The event, with what is told about the store. */
function named(name: EventName, event: AuthXEvents[EventName]): string {
  if ('operation' in event) return `${name} ${event.operation}`
  return 'unconfirmed' in event && event.unconfirmed ? `${name}?` : name
}

const errorName = (error: unknown) => (error instanceof Error ? error.name : String(error))

interface Row {
  event: EventName
  when: string
  operation: string
  /** Makes what it takes, and returns what is done with a fault and once more without. */
  prepare(scene: Scene): Promise<() => Promise<unknown>>
  /** What is told besides `storeError` while the write has the fault, and then at the second time; `?` is unconfirmed. */
  told: Record<Fault, readonly [first: readonly string[], again: readonly string[]]>
}

const session = async ({ authx }: Scene) => {
  const pair = await authx.createTokenPair('ada')
  return { ...pair, sid: String((await authx.verifyToken(pair.access_token)).sid) }
}

const TABLE: Row[] = [
  {
    event: 'issued',
    when: 'a login',
    operation: 'open',
    prepare:
      async ({ authx }) =>
      () =>
        authx.createTokenPair('ada'),
    told: { lost: [[], ['issued']], late: [[], ['issued']], refused: [[], ['issued']] },
  },
  {
    event: 'refreshed',
    when: 'a refresh',
    operation: 'rotate',
    prepare: async scene => {
      const { refresh_token } = await session(scene)
      return () => scene.refresh(refresh_token)
    },
    told: { lost: [[], ['replayed']], late: [[], ['replayed']], refused: [[], ['refreshed']] },
  },
  {
    event: 'replayed',
    when: 'a replay',
    operation: 'rotate',
    prepare: async scene => {
      const { refresh_token } = await session(scene)
      await scene.refresh(refresh_token)
      return () => scene.refresh(refresh_token)
    },
    told: { lost: [[], ['replayed']], late: [[], ['replayed']], refused: [[], ['replayed']] },
  },
  {
    event: 'recovered',
    when: 'a refresh whose response was lost',
    operation: 'rotate',
    prepare: async scene => {
      const { refresh_token } = await session(scene)
      await scene.refresh(refresh_token)
      scene.clock.now += 60_000
      return () => scene.refresh(refresh_token)
    },
    told: { lost: [[], ['replayed']], late: [[], ['replayed']], refused: [[], ['recovered']] },
  },
  {
    event: 'reuse',
    when: 'a used-up refresh token',
    operation: 'rotate',
    prepare: async scene => {
      const { refresh_token } = await session(scene)
      await scene.refresh(await scene.refresh(refresh_token))
      scene.clock.now += 60_000
      return () => scene.refresh(refresh_token)
    },
    told: { lost: [['reuse'], []], late: [['reuse'], []], refused: [['reuse'], ['reuse']] },
  },
  {
    event: 'revoked',
    when: 'revoke, as by logout',
    operation: 'revoke',
    prepare: async scene => {
      const { access_token } = await session(scene)
      return () => scene.authx.revoke(access_token)
    },
    told: { lost: [['revoked?'], []], late: [['revoked?'], []], refused: [['revoked?'], ['revoked']] },
  },
  {
    event: 'revoked',
    when: 'revokeSession',
    operation: 'revokeSession',
    prepare: async scene => {
      const { sid } = await session(scene)
      return () => scene.authx.revokeSession(sid)
    },
    told: { lost: [['revoked?'], []], late: [['revoked?'], []], refused: [['revoked?'], ['revoked']] },
  },
  {
    event: 'allRevoked',
    when: 'revokeAllSessions',
    operation: 'revokeAll',
    prepare: async scene => {
      await session(scene)
      return () => scene.authx.revokeAllSessions('ada')
    },
    told: {
      lost: [['allRevoked?'], ['allRevoked']],
      late: [['allRevoked?'], ['allRevoked']],
      refused: [['allRevoked?'], ['allRevoked']],
    },
  },
  {
    event: 'storeRollback',
    when: 'a refresh token that is newer than the store',
    operation: 'rotate',
    prepare: async scene => {
      const { refresh_token, sid } = await session(scene)
      const key = `session:${sid}`
      const [before] = await scene.store.memory.get([key])
      const next = await scene.refresh(refresh_token)
      const [after] = await scene.store.memory.get([key])
      await scene.store.memory.compareAndSet(key, after, String(before), new Date(Date.now() + 1e9))
      return () => scene.refresh(next)
    },
    told: {
      lost: [['storeRollback'], ['replayed']],
      late: [['storeRollback'], ['replayed']],
      refused: [['storeRollback'], ['storeRollback', 'refreshed']],
    },
  },
]

describe('an event', () => {
  for (const { event, when, operation, prepare, told } of TABLE) {
    for (const fault of FAULTS) {
      const [first, again] = told[fault]
      test(`(${event}, ${when}) whose write is ${fault}: ${first.join(', ') || 'none'}; once more: ${again.join(', ') || 'none'}`, async t => {
        const scene = await sceneOf(t)
        const act = await prepare(scene)
        await scene.news()
        scene.store.fail(fault)
        assert.equal(await act().catch(errorName), 'StoreUnavailableError')
        assert.deepEqual((await scene.news()).sort(), [...first, `storeError ${operation}`].sort())
        scene.store.heal()
        await act()
        assert.deepEqual(await scene.news(), again)
      })
    }
  }
})

describe('a reuse', () => {
  /** A session whose first refresh token has been used up, and what `store` does when that comes again. */
  async function used(t: TestContext) {
    const scene = await sceneOf(t)
    const { refresh_token, access_token, sid } = await session(scene)
    const next = await scene.refresh(await scene.refresh(refresh_token))
    scene.clock.now += 60_000
    await scene.news()
    return { ...scene, refresh_token, access_token, sid, next }
  }

  test('is told once by a call that has to write several times', async t => {
    const { store, refresh, refresh_token, access_token, sid, authx, news } = await used(t)
    const key = `session:${sid}`
    let races = 3
    const write = store.compareAndSet.bind(store)
    store.compareAndSet = async (...call) => {
      const [before] = await store.memory.get([key])
      const touched = JSON.stringify({ ...JSON.parse(String(before)), lastActiveAt: TEST_NOW + races })
      if (races-- > 0) await store.memory.compareAndSet(key, before, touched, new Date(Date.now() + 1e9))
      return write(...call)
    }
    assert.equal(await refresh(refresh_token), 'ReusedTokenError')
    assert.deepEqual(await news(), ['reuse'])
    await assert.rejects(authx.verifyToken(access_token), { name: 'RevokedTokenError' })
  })

  test('is none, like any token of an ended session, if a logout ends the session first', async t => {
    const { store, refresh, refresh_token, access_token, authx, news } = await used(t)
    const write = store.compareAndSet.bind(store)
    store.compareAndSet = async (...call) => {
      store.compareAndSet = write
      await authx.revoke(access_token)
      return write(...call)
    }
    assert.equal(await refresh(refresh_token), 'RevokedTokenError')
    assert.deepEqual(await news(), ['revoked'])
  })

  test('is told when its session has ended, so that who asks then is told so', async t => {
    const { refresh, refresh_token, access_token, authx } = await used(t)
    const asked = new Promise<string>(resolve =>
      authx.on('reuse', () =>
        authx.verifyToken(access_token).then(
          () => resolve('good'),
          error => resolve(error.name),
        ),
      ),
    )
    await refresh(refresh_token)
    assert.equal(await asked, 'RevokedTokenError')
  })

  test('is told once its time is over, though the store never answers', async t => {
    const { store, refresh, refresh_token, news } = await used(t)
    store.compareAndSet = () => new Promise(() => {})
    assert.equal(await refresh(refresh_token), 'StoreUnavailableError')
    assert.deepEqual((await news()).sort(), ['reuse', 'storeError rotate'])
  })

  test('is told by one of many calls at once, which is the one that ends the session', async t => {
    const { refresh, refresh_token, news } = await used(t)
    const answers = await Promise.all(Array.from({ length: 50 }, () => refresh(refresh_token)))
    assert.equal(answers.filter(each => each === 'ReusedTokenError').length, 1)
    assert.deepEqual(await news(), ['reuse'])
  })

  test('that comes again after its session has ended is none', async t => {
    const { refresh, refresh_token, news } = await used(t)
    await refresh(refresh_token)
    await news()
    assert.equal(await refresh(refresh_token), 'RevokedTokenError')
    assert.deepEqual(await news(), [])
  })
})
