import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Gathered } from '../../src/session/gathered.js'

/** Serves what it is called with when it is told to, and notes it. */
function scene() {
  const served: { key: string; items: readonly number[]; end(error?: Error): void }[] = []
  const gathered = new Gathered<number, number>((key, items) => {
    return new Promise((resolve, reject) => {
      served.push({ key, items, end: error => (error ? reject(error) : resolve(items.length)) })
    })
  })
  const seen = () => served.map(({ key, items }) => `${key} ${items}`)
  return { served, gathered, seen }
}

const turn = () => new Promise(setImmediate)

test('calls that come while one is under way are served together, after it', async () => {
  const { served, gathered, seen } = scene()
  const first = gathered.call('a', 1)
  await turn()
  const others = [2, 3, 4].map(item => gathered.call('a', item))
  await turn()
  assert.deepEqual(seen(), ['a 1'])
  served[0]?.end()
  await turn()
  assert.deepEqual(seen(), ['a 1', 'a 2,3,4'])
  const last = gathered.call('a', 5)
  served[1]?.end()
  await turn()
  served[2]?.end()
  assert.deepEqual(await Promise.all([first, ...others, last]), [1, 3, 3, 3, 1])
})

test('keys do not wait for each other', async () => {
  const { served, gathered, seen } = scene()
  const calls = [gathered.call('a', 1), gathered.call('b', 2)]
  await turn()
  assert.deepEqual(seen(), ['a 1', 'b 2'])
  for (const each of served) each.end()
  await Promise.all(calls)
})

test('a failure is told to those who were served together, and to nobody after them', async () => {
  const { served, gathered } = scene()
  const failed = [gathered.call('a', 1), gathered.call('a', 2)]
  await turn()
  const next = gathered.call('a', 3)
  served[0]?.end(new Error('away'))
  for (const each of await Promise.allSettled(failed)) assert.equal(each.status, 'rejected')
  await turn()
  served[1]?.end()
  assert.equal(await next, 1)
})
