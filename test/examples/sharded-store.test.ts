import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { AuthX } from 'koa-authx'
import { type MemoryRecord, MemoryTokenStore } from 'koa-authx/stores/memory'
import { FaultyTokenStore, testTokenStore } from 'koa-authx/testing'
import { TEST_SECRET } from '../support/app.js'
import { Client } from './client.js'
import { testHeaderLife } from './header-life.js'

process.env.PORT = '0'
const { server, ShardedTokenStore } = await import('../../examples/sharded-store.js')
const client = await Client.of(server)

type Records = Map<string, MemoryRecord>

const storeOn = (maps: readonly Records[], options = {}) =>
  new ShardedTokenStore(maps.map(map => new MemoryTokenStore({ ...options, map })))

const instanceOn = (maps: readonly Records[]) => new AuthX({ secretKey: TEST_SECRET, store: storeOn(maps) })

const statusOf = (error: { status: number }) => error.status

describe('examples/sharded-store.ts', () => {
  after(() => server.close())
  testHeaderLife(() => client)

  describe('its store', () => {
    const maps: Records[] = [new Map(), new Map(), new Map()]
    testTokenStore({ test, createStore: options => storeOn(maps, options) })

    test('has keys in each shard', () => {
      assert.throws(() => new ShardedTokenStore([]), RangeError)
    })
  })

  test('divides the sessions, and a shard that does not answer is no answer about its sessions', async t => {
    const maps: Records[] = [new Map(), new Map()]
    const authx = instanceOn(maps)
    t.after(() => authx.close())
    const pairs = await Promise.all(Array.from({ length: 50 }, (_, n) => authx.createTokenPair(`user${n}`)))
    for (const { size } of maps) assert.ok(size > 10, `${size}`)
    const away = new FaultyTokenStore(new MemoryTokenStore())
    away.down()
    const half = new AuthX({
      secretKey: TEST_SECRET,
      store: new ShardedTokenStore([new MemoryTokenStore({ map: maps[0] as Records }), away]),
    })
    t.after(() => half.close())
    const states = await Promise.all(pairs.map(pair => half.verifyToken(pair.access_token).then(() => 200, statusOf)))
    assert.deepEqual(new Set(states), new Set([200, 503]))
  })

  test('with twice as many shards, each copied from one of the former, sessions live and logouts hold', async t => {
    const maps: Records[] = [new Map(), new Map()]
    const before = instanceOn(maps)
    t.after(() => before.close())
    const pairs = await Promise.all(Array.from({ length: 20 }, (_, n) => before.createTokenPair(`user${n}`)))
    for (const pair of pairs.slice(0, 10)) await before.revoke(pair.refresh_token)
    const after = instanceOn([...maps, ...maps.map(map => new Map(map))])
    t.after(() => after.close())
    for (const [n, pair] of pairs.entries()) {
      const status = await after.verifyToken(pair.access_token).then(() => 200, statusOf)
      assert.equal(status, n < 10 ? 401 : 200, `${n}`)
    }
  })
})
