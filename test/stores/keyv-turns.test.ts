import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { KeyvMemcache } from '@keyv/memcache'
import KeyvRedis from '@keyv/redis'
import { Keyv } from 'keyv'
import { KeyvTokenStore } from '../../stores/keyv.js'
import { backendOf } from '../../stores/keyv-backend.js'
import { MemoryAdapter, type MemoryRecord } from '../../stores/memory.js'
import { SqliteAdapter } from '../../stores/sqlite.js'
import { HangingAdapter, MapAdapter } from '../support/keyv-adapters.js'
import { startMemcached } from '../support/memcached.js'
import { temporaryFolder } from '../support/temporary.js'
import { until } from '../support/until.js'

const NOW = Date.UTC(2026, 0, 1)
const TIMEOUT_MS = 30
/** Longer than a write without an answer keeps others off its key. */
const LONG_MS = 11_000

describe('two Keyvs over one backend in one process', () => {
  for (const [what, open] of Object.entries(pairs())) {
    test(`take turns: ${what}`, async t => {
      const [one, other] = (await open(t)).map(store => {
        t.after(() => (store as { disconnect?: () => unknown }).disconnect?.())
        return new KeyvTokenStore(new Keyv({ store: store as never }), { timeout: 10_000 })
      }) as [KeyvTokenStore, KeyvTokenStore]
      for (let round = 0; round < 30; round++) {
        const key = `race:${process.pid}:${Math.random()}`
        const won = await Promise.all([
          one.compareAndSet(key, undefined, 'one', soon()),
          other.compareAndSet(key, undefined, 'other', soon()),
        ])
        assert.deepEqual(won.toSorted(), [false, true], `round ${round}`)
        const [value] = await other.get([key])
        assert.equal(value, won[0] ? 'one' : 'other')
      }
    })
  }

  test('are noticed to be for one server, also where one of them leaves the default host or port out', () => {
    const connections = [undefined, 'redis://localhost', 'redis://127.0.0.1:6379', { socket: { port: 6379 } }]
    const redis = [...connections, { socket: { host: 'localhost' } }].map(connect => new KeyvRedis(connect))
    const memcached = [undefined, 'localhost', '127.0.0.1:11211'].map(uri => new KeyvMemcache(uri))
    for (const adapters of [redis, memcached])
      assert.equal(new Set(adapters.map(adapter => backendOf(adapter))).size, 1)
    const unlike = [7000, 7001].map(port => backendOf(new KeyvRedis({ socket: { port } })))
    assert.notEqual(unlike[0], unlike[1])
  })

  test('that are unlike have nothing to do with each other: one that hangs does not hold up the other', async () => {
    const [stuck, fine] = [open(), open()]
    stuck.adapter.hanging.add('set')
    await assert.rejects(stuck.store.compareAndSet('key', undefined, 'a', soon()))
    assert.equal(await fine.store.compareAndSet('key', undefined, 'a', soon()), true)
  })
})

describe('a call that never settles', () => {
  test('holds its key for no longer than its time: reads are answered, and other keys are written', async () => {
    const { store, adapter } = open()
    await store.compareAndSet('key', undefined, 'a', soon())
    adapter.hanging.add('set')
    await assert.rejects(store.compareAndSet('key', 'a', 'b', soon()), /no answer within 30 ms/)
    adapter.hanging.clear()
    assert.deepEqual(await store.get(['key']), ['a'])
    assert.equal(await store.compareAndSet('other', undefined, 'a', soon()), true)
  })

  test('that reads holds up no other call', async () => {
    const { store, adapter } = open()
    adapter.hanging.add('get')
    const read = store.get(['key'])
    read.catch(() => {})
    adapter.hanging.clear()
    assert.equal(await store.compareAndSet('key', undefined, 'a', soon()), true)
    await assert.rejects(read, /no answer within 30 ms/)
  })

  test('that writes has others of its key refused at once, and says why, since it may still be made', async () => {
    const { store, adapter } = open()
    await stick(store, adapter, 'a')
    await assert.rejects(store.compareAndSet('key', undefined, 'b', soon()), /earlier write of this key has no answer/)
    assert.deepEqual([...adapter.map.keys()], [])
  })

  test('that writes has others refused for ten seconds, and not until the restart', async t => {
    const { store, adapter } = open()
    await stick(store, adapter, 'a')
    laterBy(t, LONG_MS)
    assert.equal(await store.compareAndSet('key', undefined, 'b', soon()), true)
    assert.deepEqual(await store.get(['key']), ['b'])
  })

  test('that settles after its time lets go of its key', async () => {
    for (const end of ['answer', 'fail'] as const) {
      const { store, adapter } = open()
      await stick(store, adapter, 'a')
      adapter.stuck[0]?.[end]()
      const held = end === 'answer' ? 'a' : undefined
      await until(async () => assert.equal(await store.compareAndSet('key', held, 'b', soon()), true))
      assert.deepEqual(await store.get(['key']), ['b'])
    }
  })
})

describe('a write that is made after its call was given up', () => {
  test('and before any other is what is read and compared with', async () => {
    const { store, adapter } = open()
    await stick(store, adapter, 'late')
    adapter.stuck[0]?.answer()
    assert.deepEqual(await store.get(['key']), ['late'])
    await until(async () => assert.equal(await store.compareAndSet('key', 'late', 'next', soon()), true))
  })

  for (const end of ['land', 'answer', 'fail'] as const) {
    test(`does not undo what was acknowledged meanwhile; its adapter: ${end}`, async t => {
      const { store, adapter } = open()
      await stick(store, adapter, 'late')
      laterBy(t, LONG_MS)
      assert.equal(await store.compareAndSet('key', undefined, 'logout', soon()), true)
      adapter.stuck[0]?.[end]()
      if (end === 'fail') adapter.stuck[0]?.land()
      assert.deepEqual(await store.get(['key']), ['logout'])
      assert.equal(await store.compareAndSet('key', 'late', 'alive again', soon()), false)
      assert.match(String(adapter.map.get('keyv:authx:key')), /logout/)
    })
  }

  test('and rejected before does not undo what was acknowledged since', async () => {
    const { store, adapter } = open()
    adapter.hanging.add('set')
    const written = store.compareAndSet('key', undefined, 'late', soon())
    await until(() => adapter.stuck.length === 1)
    adapter.hanging.clear()
    adapter.stuck[0]?.fail()
    await assert.rejects(written, /the adapter gives up/)
    assert.equal(await store.compareAndSet('key', undefined, 'logout', soon()), true)
    adapter.stuck[0]?.land()
    assert.deepEqual(await store.get(['key']), ['logout'])
  })

  test('over what another store has acknowledged is put right by either', async t => {
    const adapter = new HangingAdapter()
    const [one, other] = [open(adapter).store, open(adapter).store]
    await stick(one, adapter, 'late')
    laterBy(t, LONG_MS)
    assert.equal(await other.compareAndSet('key', undefined, 'logout', soon()), true)
    adapter.stuck[0]?.land()
    assert.deepEqual(await one.get(['key']), ['logout'])
    adapter.stuck[0]?.land()
    assert.deepEqual(await other.get(['key']), ['logout'])
  })

  test('is put right in the backend without being read, once its adapter says that it is made', async t => {
    const { store, adapter } = open()
    await stick(store, adapter, 'late')
    laterBy(t, LONG_MS)
    await store.compareAndSet('key', undefined, 'logout', soon())
    adapter.stuck[0]?.answer()
    await until(() => assert.match(String(adapter.map.get('keyv:authx:key')), /logout/))
  })

  test('does not revive what has ended meanwhile', async t => {
    const { store, adapter } = open()
    await stick(store, adapter, 'late')
    laterBy(t, LONG_MS)
    t.mock.timers.enable({ apis: ['Date'], now: NOW })
    assert.equal(await store.compareAndSet('key', undefined, 'brief', new Date(NOW + 400)), true)
    t.mock.timers.setTime(NOW + 400)
    adapter.stuck[0]?.land()
    assert.deepEqual(await store.get(['key']), [undefined])
    assert.equal(adapter.map.size, 0)
  })

  test('is what is held if the newer one could not be made: no wrong answer, and none that is lost', async t => {
    const { store, adapter } = open()
    await stick(store, adapter, 'late')
    laterBy(t, LONG_MS)
    await stick(store, adapter, 'newer')
    adapter.stuck[1]?.land()
    adapter.stuck[0]?.land()
    assert.deepEqual(await store.get(['key']), ['late'])
  })

  test('while a read was under way is not what that read tells', async t => {
    const { store, adapter } = open()
    await stick(store, adapter, 'late')
    laterBy(t, LONG_MS)
    assert.equal(await store.compareAndSet('key', undefined, 'logout', soon()), true)
    adapter.stuck[0]?.land()
    adapter.hanging.add('get')
    const reading = new KeyvTokenStore(new Keyv({ store: adapter as never }), { timeout: 10_000 }).get(['key'])
    await until(() => adapter.stuck.length === 2)
    adapter.hanging.clear()
    adapter.stuck[0]?.answer()
    await until(() => assert.match(String(adapter.map.get('keyv:authx:key')), /logout/))
    // What was put right is read back and forgotten.
    await new Promise(setImmediate)
    adapter.stuck[1]?.answer()
    assert.deepEqual(await reading, ['logout'])
  })

  test('though its adapter had answered before, and it could not be read back, does not undo a newer one', async () => {
    const { store, adapter } = open()
    const set = adapter.set.bind(adapter)
    const behind: (() => unknown)[] = []
    adapter.set = async (...args) => {
      behind.push(() => set(...args))
      return true
    }
    await assert.rejects(store.compareAndSet('key', undefined, 'late', soon()), /cannot be read back/)
    adapter.set = set
    assert.equal(await store.compareAndSet('key', undefined, 'logout', soon()), true)
    for (const write of behind) write()
    assert.deepEqual(await store.get(['key']), ['logout'])
  })

  for (const [what, [one, other]] of Object.entries(places())) {
    test(`is not replaced by what another of one server's ${what} holds under the same name`, async t => {
      const adapter = Object.assign(new HangingAdapter(), one.adapter)
      const stores = [adapter, Object.assign(new MapAdapter(), other.adapter)].map((store, place) => {
        const options = place === 0 ? one.keyv : other.keyv
        return new KeyvTokenStore(new Keyv({ store: store as never, ...options }), { timeout: TIMEOUT_MS })
      }) as [KeyvTokenStore, KeyvTokenStore]
      await stick(stores[0], adapter, 'late')
      laterBy(t, LONG_MS)
      assert.equal(await stores[1].compareAndSet('key', undefined, 'of another', soon()), true)
      adapter.stuck[0]?.land()
      assert.deepEqual(await stores[0].get(['key']), ['late'])
    })
  }

  test('and deletes what had ended does not delete what was written since', async t => {
    t.mock.timers.enable({ apis: ['Date'], now: NOW })
    const { store, adapter } = open()
    await store.compareAndSet('key', undefined, 'brief', new Date(NOW + 40))
    t.mock.timers.setTime(NOW + 40)
    adapter.hanging.add('delete')
    await until(async () => {
      await store.get(['key'])
      return adapter.stuck.length === 1
    })
    adapter.hanging.clear()
    await until(() => assert.rejects(store.compareAndSet('key', undefined, 'new', soon()), /earlier write/))
    laterBy(t, LONG_MS)
    assert.equal(await store.compareAndSet('key', undefined, 'new', soon()), true)
    adapter.stuck[0]?.land()
    assert.deepEqual(await store.get(['key']), ['new'])
  })
})

test('a read that is answered late does not delete what has been written since, though its record has expired', async () => {
  const { store, adapter } = open()
  const expired = JSON.stringify({ value: `${Date.now() - 1}:old`, expires: Date.now() - 1 })
  adapter.map.set('keyv:authx:key', expired)
  adapter.hanging.add('get')
  await assert.rejects(store.get(['key']), /no answer within/)
  adapter.hanging.clear()
  assert.equal(await store.compareAndSet('key', undefined, 'new', soon()), true)
  adapter.stuck[0]?.answer()
  await new Promise(setImmediate)
  assert.deepEqual(await store.get(['key']), ['new'])
})

function open(adapter = new HangingAdapter()): { store: KeyvTokenStore; adapter: HangingAdapter } {
  return { adapter, store: new KeyvTokenStore(new Keyv({ store: adapter as never }), { timeout: TIMEOUT_MS }) }
}

/** Have a write of `key`, which holds nothing, begin and not be answered. */
async function stick(store: KeyvTokenStore, adapter: HangingAdapter, value: string): Promise<void> {
  adapter.hanging.add('set')
  await assert.rejects(store.compareAndSet('key', undefined, value, soon()), /no answer within 30 ms/)
  adapter.hanging.clear()
}

/** Let the clock by which waiting is measured go on. What is stored does not age. */
function laterBy(t: TestContext, milliseconds: number): void {
  const now = performance.now.bind(performance)
  t.mock.method(performance, 'now', () => now() + milliseconds)
}

interface Place {
  readonly adapter: object
  readonly keyv?: object
}

/** Two places of one server in which one name is two records. */
function places(): Record<string, [Place, Place]> {
  const opts = (uri: string, more = {}) => ({ adapter: { opts: { uri, ...more } } })
  const redis = (host: string, options: object, keyv = {}) => ({
    adapter: { client: { options: { socket: { host }, ...options } } },
    keyv: { useKeyPrefix: false, ...keyv },
  })
  return {
    databases: [opts('postgres://one/a'), opts('postgres://one/b')],
    tables: [opts('postgres://two', { table: 'a' }), opts('postgres://two', { table: 'b' })],
    schemas: [opts('postgres://three'), opts('postgres://three', { schema: 'b' })],
    'databases of Redis': [redis('four', {}), redis('four', { database: 1 })],
    namespaces: [redis('five', {}, { namespace: 'a' }), redis('five', {}, { namespace: 'b' })],
  }
}

type Pair = (t: TestContext) => object[] | Promise<object[]>

function pairs(): Record<string, Pair> {
  const redis = process.env.TEST_REDIS_URL ?? ''
  return {
    'one Map': () => {
      const map = new Map()
      return [map, map]
    },
    'one adapter': () => {
      const adapter = new HangingAdapter()
      return [adapter, adapter]
    },
    'two MemoryAdapters over one Map': () => {
      const map = new Map<string, MemoryRecord>()
      return [new MemoryAdapter(map), new MemoryAdapter(map)]
    },
    'two SqliteAdapters over one file': async t => {
      const { folder, remove } = await temporaryFolder()
      t.after(remove)
      return [0, 1].map(() => new SqliteAdapter(join(folder, 'tokens.sqlite'), 5000))
    },
    'two adapters for one address, however it is written': () => {
      const map = new Map<string, unknown>()
      return ['postgres://ada:secret@localhost:5432/a', 'postgresql://127.0.0.1/a'].map(uri =>
        Object.assign(new MapAdapter(map), { opts: { uri } }),
      )
    },
    'two adapters over one connection of the caller': () => {
      const map = new Map<string, unknown>()
      const client = {}
      return [0, 1].map(() => Object.assign(new MapAdapter(map), { client }))
    },
    'two KeyvRedis for one server': () => {
      return [redis, { socket: { host: 'localhost', port: Number(new URL(redis).port) } }].map(
        connect => new KeyvRedis(connect),
      )
    },
    'two KeyvRedis, one of which leaves out the host': () => {
      return [redis, { socket: { port: Number(new URL(redis).port) } }].map(connect => new KeyvRedis(connect))
    },
    'two KeyvMemcache for one server': async t => {
      const { port, stop } = await startMemcached()
      t.after(stop)
      return ['127.0.0.1', 'localhost'].map(host => new KeyvMemcache(`${host}:${port}`))
    },
  }
}

function soon(): Date {
  return new Date(Date.now() + 60_000)
}
