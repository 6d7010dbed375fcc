import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { KeyvMemcache } from '@keyv/memcache'
import KeyvRedis from '@keyv/redis'
import { Keyv, type KeyvOptions } from 'keyv'
import { testTokenStore } from '../../src/testing/index.js'
import { KeyvTokenStore } from '../../stores/keyv.js'
import { MapAdapter } from '../support/keyv-adapters.js'
import { until } from '../support/until.js'

const DAY_MS = 86_400_000
const NOW = Date.UTC(2026, 0, 1)

const deflate = {
  compress: async (value: unknown) => deflateRawSync(JSON.stringify(value)).toString('base64'),
  decompress: async (value: unknown) => JSON.parse(inflateRawSync(Buffer.from(String(value), 'base64')).toString()),
}

describe('KeyvTokenStore meets the contract over a Keyv', () => {
  const kinds: Record<string, KeyvOptions> = {
    'that compresses, with a default ttl of a second': { compression: deflate, ttl: 1000 },
    'that serialises nothing, with a namespace like our prefix': {
      serialize: undefined,
      deserialize: undefined,
      namespace: 'authx',
    },
    'without useKeyPrefix, which tells no errors': { useKeyPrefix: false, emitErrors: false },
  }
  for (const [what, options] of Object.entries(kinds)) {
    describe(what, { concurrency: true }, () => {
      const keyv = new Keyv({ store: new MapAdapter() as never, ...options })
      testTokenStore({ test, createStore: more => new KeyvTokenStore(keyv, more) })
    })
  }
})

describe('a backend that ends records before their time', () => {
  const kinds: Record<string, (life: number) => number> = {
    'takes more than 30 days for a date in the past': life => (life > 30 * DAY_MS ? 0 : life),
    'has timers that overflow': life => (life > 2 ** 31 - 1 ? 1 : life),
    'counts in whole seconds, rounded down': life => Math.floor(life / 1000) * 1000,
    'counts in whole minutes, rounded down': life => Math.floor(life / 60_000) * 60_000,
    'has a clock that goes ahead by half a minute': life => life - 30_000,
  }
  for (const [what, kept] of Object.entries(kinds)) {
    test(`keeps every record to its end if it ${what}`, async t => {
      stopClock(t)
      for (const life of [
        1,
        900,
        1001,
        DAY_MS,
        23.9 * DAY_MS,
        24 * DAY_MS,
        24.9 * DAY_MS,
        31 * DAY_MS,
        3650 * DAY_MS,
      ]) {
        const adapter = new MapAdapter()
        await storeOver(adapter).compareAndSet('key', undefined, 'a', new Date(Date.now() + life + 1000))
        const [given] = adapter.lives
        const isKept = given === undefined || kept(given) >= life + 1000
        assert.ok(isKept, `a life of ${life + 1000} ms: the adapter is given ${given}`)
      }
    })
  }

  test('is given whole milliseconds, and never more than 24 days', async t => {
    // Dates have whole milliseconds. A clock put in the place of Date.now may have fractions.
    t.mock.method(Date, 'now', () => NOW + 0.25)
    const adapter = new MapAdapter()
    for (const life of [1, 2, DAY_MS, 24 * DAY_MS, 10 ** 12]) {
      await storeOver(adapter).compareAndSet(`key${life}`, undefined, 'a', new Date(NOW + life))
    }
    const given = adapter.lives.filter(life => life !== undefined)
    assert.equal(adapter.lives.length, 5)
    assert.equal(given.length, 3)
    assert.ok(
      given.every(life => Number.isInteger(life) && life > 60_000 && life <= 24 * DAY_MS),
      String(given),
    )
  })

  test('a default ttl of the Keyv shortens no life, set before or later', async () => {
    for (const when of ['before', 'later'] as const) {
      const adapter = new MapAdapter()
      const keyv = new Keyv({ store: adapter as never, ...(when === 'before' && { ttl: 5 }) })
      const store = new KeyvTokenStore(keyv)
      if (when === 'later') keyv.ttl = 5
      await store.compareAndSet('brief', undefined, 'a', inMs(10_000))
      await store.compareAndSet('long', undefined, 'a', inMs(3650 * DAY_MS))
      assert.ok((adapter.lives[0] ?? 0) > 10_000)
      assert.equal(adapter.lives[1], undefined)
      assert.doesNotMatch(String(adapter.map.get('keyv:authx:long')), /expires/)
    }
  })
})

describe('a write that cannot be read back is never reported as done', () => {
  const faults: Record<string, (adapter: MapAdapter) => void> = {
    'the adapter stores nothing and says nothing': adapter => {
      adapter.set = async () => undefined
    },
    'the adapter stores nothing and says that it did': adapter => {
      adapter.set = async () => true
    },
    'the adapter says that it did not store': adapter => {
      adapter.set = async () => false
    },
    'the adapter cuts long values': adapter => {
      adapter.set = async (key, value) => adapter.map.set(key, String(value).slice(0, 30)) === adapter.map
    },
    'the adapter takes all keys for one': adapter => {
      adapter.get = async () => '{"value":"99999999999999:of another key"}'
    },
    'the adapter changes letters that it does not know': adapter => {
      adapter.set = async (key, value) => adapter.map.set(key, String(value).replace(/[^ -~]/g, '?')) === adapter.map
    },
    'the record has gone at once': adapter => {
      adapter.set = async () => true
      adapter.map.clear()
    },
  }
  for (const [what, breakIt] of Object.entries(faults)) {
    test(what, async () => {
      const adapter = new MapAdapter()
      const store = storeOver(adapter)
      breakIt(adapter)
      const held = (await store.get(['key']))[0]
      await assert.rejects(store.compareAndSet('key', held, `${'a'.repeat(30)}ü`, inMs(DAY_MS)), /store|read back|JSON/)
    })
  }

  const hooks: Record<string, (data: { key: string; value: string; ttl?: number }) => void> = {
    'a hook of the Keyv changes the value': data => {
      data.value += 'x'
    },
    'a hook of the Keyv changes the key': data => {
      data.key += 'x'
    },
    'a hook of the Keyv shortens the life': data => {
      data.ttl = 1000
    },
  }
  for (const [what, hook] of Object.entries(hooks)) {
    test(what, async () => {
      const keyv = new Keyv()
      keyv.hooks.addHandler('preSet', hook)
      await assert.rejects(new KeyvTokenStore(keyv).compareAndSet('key', undefined, 'a', inMs(DAY_MS)), /hook/)
    })
  }

  test('hooks that undo on reading what they do on writing will do', async () => {
    const keyv = new Keyv()
    keyv.hooks.addHandler('preSet', (data: { value: string }) => {
      data.value = Buffer.from(data.value).toString('hex')
    })
    keyv.hooks.addHandler('postGetRaw', ({ value: data }: { value?: { value: string } }) => {
      if (data) data.value = Buffer.from(data.value, 'hex').toString()
    })
    const store = new KeyvTokenStore(keyv)
    assert.equal(await store.compareAndSet('key', undefined, 'a', inMs(DAY_MS)), true)
    assert.deepEqual(await store.get(['key']), ['a'])
  })
})

test('a record that has ended is deleted when it is read, whatever its life was', async t => {
  stopClock(t)
  const adapter = new MapAdapter()
  const store = storeOver(adapter)
  const end = NOW + 300
  await store.compareAndSet('brief', undefined, 'a', new Date(end))
  adapter.map.set('keyv:authx:long', JSON.stringify({ value: `${end}:a` }))
  adapter.map.set('keyv:authx:old', JSON.stringify({ value: '5:a', expires: 5 }))
  t.mock.timers.setTime(end)
  assert.equal(adapter.map.size, 3)
  assert.deepEqual(await store.get(['brief', 'long', 'old']), [undefined, undefined, undefined])
  await until(() => adapter.map.size === 0)
})

test('a record that has ended and cannot be deleted is nothing all the same', async () => {
  const adapter = new MapAdapter()
  adapter.delete = async () => {
    throw new Error('read only')
  }
  adapter.map.set('keyv:authx:key', JSON.stringify({ value: '5:a' }))
  const store = storeOver(adapter)
  assert.deepEqual(await store.get(['key']), [undefined])
  await new Promise(setImmediate)
  assert.equal(await store.compareAndSet('key', undefined, 'b', inMs(DAY_MS)), true)
})

describe('keys', () => {
  test('of up to 200 characters, with spaces or other alphabets, are given to the backend as up to 101 plain ones', async () => {
    const adapter = new MapAdapter()
    const store = new KeyvTokenStore(new Keyv({ store: adapter as never, useKeyPrefix: false }), { prefix: '' })
    const keys = ['a'.repeat(200), 'a b', 'a\n', '\0', 'ключ', '"', "'", '/../a', 'a%b', '']
    for (const key of keys) assert.equal(await store.compareAndSet(key, undefined, key, inMs(DAY_MS)), true)
    assert.deepEqual(await store.get(keys), keys)
    for (const name of adapter.map.keys()) assert.match(name, /^[A-Za-z0-9_:.~-]{1,101}$/)
  })

  test('that the library asks for are named as they are', async () => {
    const map = new Map<string, unknown>()
    const names = ['session:Ab-_9', `subject:${'x'.repeat(43)}`, 'sessions:x', `session:~${'x'.repeat(43)}`]
    const store = new KeyvTokenStore(new Keyv({ store: map }))
    for (const name of names) await store.compareAndSet(name, undefined, 'a', inMs(DAY_MS))
    assert.deepEqual(
      [...map.keys()],
      names.map(name => `keyv:authx:${name}`),
    )
  })

  test('of two prefixes are two, also if one of them is the namespace of the Keyv', async () => {
    const keyv = new Keyv({ namespace: 'ns' })
    const [one, other] = [new KeyvTokenStore(keyv, { prefix: '' }), new KeyvTokenStore(keyv, { prefix: 'ns:' })]
    await one.compareAndSet('key', undefined, 'a', inMs(DAY_MS))
    assert.deepEqual(await other.get(['key']), [undefined])
  })

  test('that begin with the namespace of the Keyv are not those without it', async () => {
    const store = new KeyvTokenStore(new Keyv({ namespace: 'ns' }), { prefix: '' })
    await store.compareAndSet('ns:x', undefined, 'a', inMs(DAY_MS))
    assert.deepEqual(await store.get(['x']), [undefined])
  })

  test('are not looked for in the namespace of another Keyv that was made over the same adapter', async () => {
    const adapter = new MapAdapter()
    const store = storeOver(adapter)
    await store.compareAndSet('key', undefined, 'revoked', inMs(DAY_MS))
    new Keyv({ store: adapter as never, namespace: 'cache' })
    await assert.rejects(store.get(['key']), /namespace "cache" of another Keyv/)
    await assert.rejects(store.compareAndSet('key', 'revoked', 'b', inMs(DAY_MS)), /namespace "cache"/)
  })
})

describe('a storage adapter that is known to lose or to hide what it is given is refused', () => {
  const inner = new Keyv()
  // Without a dialect Keyv itself refuses it.
  Object.assign(inner.opts, { dialect: 'redis' })
  const offline = { opts: inner.opts, get: async () => undefined, set() {}, delete() {}, clear() {} }
  const redisCache = () =>
    new KeyvRedis({
      url: 'redis://127.0.0.1:1',
      RESP: 3,
      clientSideCache: { ttl: 0, maxEntries: 0, evictPolicy: 'LRU' },
    })
  const kinds: Record<string, [() => unknown, RegExp]> = {
    'another Keyv': [() => inner, /another Keyv/],
    'a wrapper of another Keyv, which may hide errors': [() => offline, /another Keyv/],
    'one with a ttl of its own, as that for etcd': [() => withOpts({ ttl: 1000 }), /option ttl/],
    'one for memcached with a default expires': [
      () => new KeyvMemcache('127.0.0.1:1', { expires: 60 }),
      /option expires/,
    ],
    'one for MongoDB with useGridFS': [() => withOpts({ useGridFS: true }), /useGridFS/],
    'one for DynamoDB': [() => withOpts({ dialect: 'dynamo' }), /DynamoDB/],
    'one for Redis with clientSideCache': [redisCache, /clientSideCache/],
  }
  for (const [what, [make, message]] of Object.entries(kinds)) {
    test(what, () => {
      assert.throws(() => new KeyvTokenStore(new Keyv({ store: make() as never })), { name: 'TypeError', message })
    })
  }
})

function stopClock(t: TestContext): void {
  t.mock.timers.enable({ apis: ['Date'], now: NOW })
}

function withOpts(opts: Record<string, unknown>): MapAdapter {
  return Object.assign(new MapAdapter(), { opts })
}

function storeOver(adapter: MapAdapter): KeyvTokenStore {
  return new KeyvTokenStore(new Keyv({ store: adapter as never }))
}

function inMs(milliseconds: number): Date {
  return new Date(Date.now() + milliseconds)
}
