import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { UnsureWrites } from '../../stores/keyv-unsure.js'

const TEN_MINUTES_MS = 600_000

describe('what is remembered of writes that were given up', () => {
  test('is forgotten of rejected ones after ten minutes, a few names at each addition', async t => {
    const unsure = new UnsureWrites()
    for (let n = 0; n < 1000; n++) unsure.add(`name ${n}`, '9:a', Promise.reject(new Error()), verifiesNothing)
    await settled()
    assert.equal(unsure.size, 1000)
    laterBy(t, TEN_MINUTES_MS + 1)
    for (let n = 0; n < 1000; n++) unsure.add(`again ${n}`, '9:a', Promise.reject(new Error()), verifiesNothing)
    await settled()
    assert.equal(unsure.size, 1000)
  })

  test('is forgotten after ten minutes of one that has no answer, if nothing was acknowledged after it', t => {
    const unsure = new UnsureWrites()
    unsure.add('stuck', '9:a', new Promise(() => {}), verifiesNothing)
    laterBy(t, TEN_MINUTES_MS + 1)
    unsure.add('other', '9:a', new Promise(() => {}), verifiesNothing)
    assert.equal(unsure.size, 1)
  })

  test('is bounded: while ten thousand names are unsure, writes of others are refused', () => {
    const unsure = new UnsureWrites()
    for (let n = 0; n < 10_000; n++) unsure.add(`name ${n}`, '9:a', new Promise(() => {}), verifiesNothing)
    assert.throws(() => unsure.refuseWhilePending('another'), /writes of 10000 records have failed or timed out/)
    assert.equal(unsure.size, 10_000)
  })

  test('is kept of one that has no answer while another was acknowledged after it, for as long as that is so', async t => {
    const unsure = new UnsureWrites()
    let answer = () => {}
    const running = new Promise<void>(resolve => {
      answer = resolve
    })
    unsure.add('stuck', '9:a', running, () => unsure.forget('stuck', unsure.made('stuck')))
    unsure.acknowledge('stuck', '9:b')
    laterBy(t, TEN_MINUTES_MS + 1)
    unsure.add('other', '9:a', new Promise(() => {}), verifiesNothing)
    assert.equal(unsure.size, 2)
    answer()
    await settled()
    assert.equal(unsure.size, 1)
  })

  test('is forgotten of one that another came after only when the record has been read again', async t => {
    const unsure = new UnsureWrites()
    let verified = 0
    unsure.add('name', '9:late', Promise.reject(new Error()), () => verified++)
    await settled()
    unsure.acknowledge('name', '9:logout')
    laterBy(t, TEN_MINUTES_MS + 1)
    unsure.add('other', '9:a', Promise.reject(new Error()), verifiesNothing)
    assert.equal(verified, 1)
    assert.equal(unsure.whatToRestore('name', '9:late'), '9:logout')
    unsure.forget('name', unsure.made('name'))
    assert.equal(unsure.size, 1)
  })

  test('puts back nothing that was not acknowledged, and nothing over what it does not know', async () => {
    const unsure = new UnsureWrites()
    unsure.add('name', '9:late', Promise.reject(new Error()), verifiesNothing)
    await settled()
    assert.equal(unsure.whatToRestore('name', '9:late'), undefined)
    unsure.acknowledge('name', '9:logout')
    assert.equal(unsure.whatToRestore('name', '9:logout'), undefined)
    assert.equal(unsure.whatToRestore('name', '9:unknown'), undefined)
    assert.equal(unsure.whatToRestore('name', undefined), undefined)
    assert.equal(unsure.whatToRestore('name', '9:late'), '9:logout')
    unsure.acknowledge('another name', '9:a')
    assert.equal(unsure.mayMislead('another name'), false)
  })
})

function verifiesNothing(): void {}

function settled(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}

function laterBy(t: TestContext, milliseconds: number): void {
  const now = performance.now.bind(performance)
  t.mock.method(performance, 'now', () => now() + milliseconds)
}
