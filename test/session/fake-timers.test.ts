import assert from 'node:assert/strict'
import { mock, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { StoreUnavailableError, type TokenStore } from '../../src/index.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { SqliteTokenStore } from '../../stores/sqlite.js'
import { makeAuthX } from '../support/app.js'

const silent: TokenStore = { get: () => new Promise(() => {}), compareAndSet: async () => true }

for (const [name, open] of [
  ['the memory store', () => new MemoryTokenStore()],
  ['SQLite', () => new SqliteTokenStore(':memory:')],
] as const) {
  test(`an application that tests itself with fake timers gets its answers from ${name}, and deadlines go on`, async t => {
    const store = open()
    t.after(() => store.close())
    const authx = makeAuthX({ store, storeTimeout: 100 })
    const { access_token } = await authx.createTokenPair('test')
    // What has begun with the real timers ends with them.
    await sleep(20)
    mock.timers.enable({ apis: ['Date', 'setImmediate', 'setInterval', 'setTimeout'], now: Date.now() })
    try {
      await authx.verifyToken(access_token)
    } finally {
      mock.timers.reset()
    }
    await authx.verifyToken(access_token)
    const other = makeAuthX({ store: silent, storeTimeout: 100 })
    await assert.rejects(other.verifyToken(access_token), StoreUnavailableError)
  })
}

test('deadlines end while an application has put other timers in place and stopped the clocks', async t => {
  const authx = makeAuthX({ store: silent, storeTimeout: 100 })
  const token = authx.createAccessToken('test', { sid: 'any' })
  const stopped = performance.now()
  mock.timers.enable({ apis: ['Date', 'setImmediate', 'setInterval', 'setTimeout'], now: Date.now() })
  t.mock.method(performance, 'now', () => stopped)
  try {
    await assert.rejects(authx.verifyToken(token), StoreUnavailableError)
  } finally {
    mock.timers.reset()
  }
})
