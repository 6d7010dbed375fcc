import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type { TokenStore } from '../../src/store.js'
import { within } from './counted.js'
import { until } from './until.js'

const soon = () => new Date(Date.now() + 60_000)

/** Both verbs reject within so many milliseconds, several times over. */
export async function failsWithin(store: TokenStore, milliseconds: number, message: RegExp): Promise<void> {
  const both = () =>
    Promise.all([
      assert.rejects(store.get(['key', 'other']), message),
      assert.rejects(store.compareAndSet('key', undefined, 'from fails', soon()), message),
    ])
  for (let turn = 0; turn < 3; turn++) await within(milliseconds, both)
}

/** The store reads and writes again within so many milliseconds. */
export async function healsWithin(store: TokenStore, milliseconds: number): Promise<void> {
  const check = async () => {
    const [held] = await store.get(['heals'])
    assert.equal(await store.compareAndSet('heals', held, 'well', soon()), true)
  }
  await within(milliseconds, () => until(check, 60_000))
}

/** The store writes, however far the clock of its server is off from `performance.now()`. */
export async function learnsTheClock(t: TestContext, store: TokenStore): Promise<void> {
  assert.equal(await store.compareAndSet('clock', undefined, '0', soon()), true)
  // Ours may be off instead of the server's: it is the difference that counts.
  const real = performance.now
  t.after(() => {
    performance.now = real
  })
  let expected = '0'
  for (const [step, value] of [
    [3_600_000, '1'],
    [-7_200_000, '2'],
    [500, '3'],
  ] as const) {
    const before = performance.now
    performance.now = () => before.call(performance) + step
    assert.equal(await store.compareAndSet('clock', expected, value, soon()), true, `after a step of ${step} ms`)
    expected = value
  }
  assert.deepEqual(await store.get(['clock']), ['3'])
}
