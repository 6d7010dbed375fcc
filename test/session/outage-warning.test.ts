import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryTokenStore } from '../../stores/memory.js'
import { makeAuthX, warningsOf } from '../support/app.js'

test('a store that gives no answer is a process warning, once, unless the application listens', async () => {
  const [heard, unheard] = [new MemoryTokenStore(), new MemoryTokenStore()].map(store => makeAuthX({ store }))
  heard?.on('storeError', () => {})
  const warningsFrom = async (authx = makeAuthX()) => {
    await authx.close()
    const outage = () => assert.rejects(authx.createTokenPair('test'), { name: 'StoreUnavailableError' })
    const warnings = await warningsOf(async () => {
      await outage()
      await outage()
    })
    return warnings.filter(({ code }) => code === 'AUTHX_STORE_UNAVAILABLE').map(({ message }) => message)
  }
  assert.deepEqual(await warningsFrom(heard), [])
  const [warning, ...more] = await warningsFrom(unheard)
  assert.deepEqual(more, [])
  assert.match(warning ?? '', /closed\..*authx\.on\('storeError'/)
})
