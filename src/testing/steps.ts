import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TokenStore } from '../store.js'

/** A new handle on the backend under test, closed when the test ends. */
export type Open = (options?: { prefix: string }) => Promise<TokenStore>

/** Tests by name. */
export type Cases = Record<string, (open: Open) => Promise<void>>

export const racers = 24
export const manyKeys = 300

/** Longer than any test takes. */
export const later = () => new Date(Date.now() + 3_600_000)

export async function several(open: Open, handles: number): Promise<[TokenStore, ...TokenStore[]]> {
  const stores: [TokenStore, ...TokenStore[]] = [await open()]
  while (stores.length < handles) stores.push(await open())
  return stores
}

export function newKey(): string {
  return `conformance:${randomUUID()}`
}

export async function read(store: TokenStore, key: string): Promise<string | undefined> {
  const values = await store.get([key])
  assert.equal(values.length, 1, 'one value for one key')
  return values[0]
}

export async function write(store: TokenStore, key: string, value: string, expected?: string): Promise<void> {
  const written = await store.compareAndSet(key, expected, value, later())
  assert.equal(written, true, 'compareAndSet refused what it should have written')
}

/** Everybody writes a value of their own at once. Resolves to the value of the one that won. */
export async function race(stores: readonly TokenStore[], key: string, expected: string | undefined): Promise<string> {
  const values = Array.from({ length: racers }, () => randomUUID() as string)
  const told = await Promise.all(
    values.map((value, place) => {
      const store = stores[place % stores.length] as TokenStore
      return store.compareAndSet(key, expected, value, later())
    }),
  )
  const winners = values.filter((_, place) => told[place] === true)
  assert.equal(winners.length, 1, 'there is one winner')
  for (const store of stores) assert.equal(await read(store, key), winners[0])
  return winners[0] as string
}

/** Count up by one so many times, beginning again whenever somebody else was quicker. */
export async function countUp(store: TokenStore, key: string, times: number): Promise<void> {
  let done = 0
  for (let turn = 0; turn < 2000 && done < times; turn++) {
    const before = await read(store, key)
    assert.notEqual(before, undefined, 'the counter is there')
    if (await store.compareAndSet(key, before, String(Number(before) + 1), later())) done++
  }
  assert.equal(done, times, 'some of those who try again get their turn')
}

/** Write with a short life, see it alive, and wait until the store says that it is over. */
export async function writeBriefly(store: TokenStore, key: string, value: string): Promise<void> {
  const started = performance.now()
  assert.equal(await store.compareAndSet(key, undefined, value, new Date(Date.now() + 400)), true)
  const seen = await read(store, key)
  // On a machine that is busy it may be over by now; then there is nothing to say.
  if (performance.now() - started < 300) assert.equal(seen, value, 'a value is there until it expires')
  await gone(store, key)
}

/** Poll until the key is gone; nothing here outlives a second by its own date. */
export async function gone(store: TokenStore, key: string): Promise<void> {
  const deadline = performance.now() + 4000
  while ((await read(store, key)) !== undefined) {
    assert.ok(performance.now() < deadline, 'an expired value is still there')
    await sleep(20)
  }
}
