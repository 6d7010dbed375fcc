import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { describe, test } from 'node:test'
import { Keyv } from 'keyv'
import { testTokenStore } from '../../src/testing/index.js'
import { MemoryAdapter, type MemoryRecord, MemoryTokenStore } from '../../stores/memory.js'
import { until } from '../support/until.js'

describe('MemoryTokenStore meets the contract', () => {
  const map = new Map<string, MemoryRecord>()
  const expiryOf = (key: string) => new Date(map.get(`authx:${key}`)?.expires ?? Number.NaN)
  testTokenStore({ test, createStore: options => new MemoryTokenStore({ ...options, map }), expiryOf })
})

describe('MemoryTokenStore', () => {
  test('answers reads that were under way when it was closed, and none after', async () => {
    const store = new MemoryTokenStore()
    await store.compareAndSet('key', undefined, 'a', inMilliseconds(60_000))
    const read = store.get(['key', 'other'])
    const closing = store.close()
    await assert.rejects(store.get(['key']), /closed/)
    await assert.rejects(store.compareAndSet('key', 'a', 'b', inMilliseconds(60_000)), /closed/)
    await closing
    assert.deepEqual(await read, ['a', undefined])
  })

  test('expired records go away without being read, the others stay', async () => {
    const map = new Map<string, MemoryRecord>()
    const store = new MemoryTokenStore({ map })
    await store.compareAndSet('stays', undefined, 'a', inMilliseconds(60_000))
    for (let i = 0; i < 500; i++) await store.compareAndSet(`goes ${i}`, undefined, 'a', inMilliseconds(50))
    assert.equal(map.size, 501)
    await until(() => map.size === 1)
    assert.deepEqual([...map.keys()], ['authx:stays'])
    await store.close()
  })

  test('a large Map is swept in portions that do not hold up the event loop', async () => {
    const map = new Map<string, MemoryRecord>()
    const store = new MemoryTokenStore({ map })
    const expires = Date.now() - 1
    for (let i = 0; i < 300_000; i++) map.set(`authx:${i}`, { value: 'a', expires })
    await store.compareAndSet('wakes the sweeper', undefined, 'a', inMilliseconds(60_000))
    await until(() => map.size < 300_000)
    assert.ok(map.size > 200_000, `${map.size} are left after one portion`)
    await store.close()
  })

  test('two stores without a common Map have nothing in common', async () => {
    const [one, other] = [new MemoryTokenStore(), new MemoryTokenStore()]
    await one.compareAndSet('key', undefined, 'a', inMilliseconds(60_000))
    assert.deepEqual(await other.get(['key']), [undefined])
  })

  test('its timer does not keep the process alive', () => {
    const program = `
      import { MemoryTokenStore } from './stores/memory.js'
      await new MemoryTokenStore().compareAndSet('key', undefined, 'a', new Date(Date.now() + 60_000))`
    const node = ['--import', 'tsx', '--input-type=module', '-e', program]
    const { status, stderr } = spawnSync(process.execPath, node, { timeout: 50_000, encoding: 'utf8' })
    assert.equal(status, 0, stderr)
  })

  test('a date that is not in the future rejects', async () => {
    const store = new MemoryTokenStore()
    for (const date of [new Date(), new Date(0), new Date(Number.NaN)]) {
      await assert.rejects(store.compareAndSet('key', undefined, 'a', date), RangeError)
    }
  })

  test('wrong options are a TypeError that names the option', () => {
    assert.throws(() => new MemoryTokenStore({ prefix: 'with space' }), { name: 'TypeError', message: /prefix/ })
    for (const wrong of ['prefix', null, 5]) {
      assert.throws(() => new MemoryTokenStore(wrong as never), {
        name: 'TypeError',
        message: /object with prefix, map$/,
      })
    }
    assert.throws(() => new MemoryTokenStore({ prefix: '{tag}' }), { name: 'TypeError', message: /prefix/ })
    assert.throws(() => new MemoryTokenStore({ map: {} as never }), { name: 'TypeError', message: /map/ })
    assert.throws(() => new MemoryTokenStore({ prefx: 'a' } as never), { name: 'TypeError', message: /prefx/ })
  })
})

describe('MemoryAdapter', () => {
  test('a Keyv works over it, and clearing a namespace leaves the others', async () => {
    const map = new Map<string, MemoryRecord>()
    const keyvOf = (namespace: string) => new Keyv({ store: new MemoryAdapter(map), namespace, throwOnErrors: true })
    const [one, other] = [keyvOf('one'), keyvOf('other')]
    await one.set('key', { a: 1 })
    await one.set('brief', 'a', 30)
    await other.set('key', { b: 2 })
    assert.deepEqual(await one.get('key'), { a: 1 })
    await until(async () => assert.equal(await one.get('brief'), undefined))
    assert.equal(await one.delete('key'), true)
    assert.equal(await one.delete('key'), false)
    await one.set('key', 'again')
    await one.clear()
    assert.equal(await one.get('key'), undefined)
    assert.deepEqual(await other.get('key'), { b: 2 })
    await one.disconnect()
    await other.disconnect()
  })
})

function inMilliseconds(milliseconds: number): Date {
  return new Date(Date.now() + milliseconds)
}

test('a Map that holds what another kind of store has written is refused, not read as empty', async () => {
  const map = new Map<string, never>([['authx:k', '{"value":"v"}' as never]])
  const store = new MemoryTokenStore({ map })
  await assert.rejects(store.get(['k']), /a value that no memory store wrote/)
  await assert.rejects(store.compareAndSet('k', undefined, 'v', new Date(Date.now() + 60_000)), /no memory store wrote/)
  await store.close()
})
