import { randomUUID } from 'node:crypto'
import type { TokenStore } from '../store.js'
import { expectSame, failure, StoreRejection, show } from './show.js'

/** Opens a new handle on the backend under test. The suite closes it when the test ends. */
export type Open = (options?: { prefix: string }) => Promise<TokenStore>

/** Tests by name. */
export type Cases = Record<string, (open: Open) => Promise<void>>

/** How to make a backend fail and work again. */
export interface StoreOutage {
  /**
   * Make the backend fail for every handle, old and new: stop it, freeze it, or cut the connections to it. After
   * `start` it must not read or write until `end` is called. It must keep its data.
   */
  start: () => void | Promise<void>
  /** Make the backend work again. Stores may take some seconds to notice. */
  end: () => void | Promise<void>
}

/** Identifies one of several processes that run the suite on one backend at the same time. */
export interface SuiteProcesses {
  /** Identifies the run: equal in all processes, new for each run. 1 to 36 printable ASCII characters (a UUID fits). */
  run: string
  /** How many processes run the suite: a whole number from 2. */
  count: number
  /** The number of this process, from 0 to `count` - 1. */
  index: number
}

/** The maximum number of calls that a step makes at the same time. */
const AT_ONCE = 100

export const racers = 24

/** Returns a date one hour from now: no test takes that long. */
export const later = () => new Date(Date.now() + 3_600_000)

/** Returns a date five minutes from now, for a test that leaves many records behind. */
export const forMinutes = () => new Date(Date.now() + 300_000)

/** Two handles or more. */
export type Handles = [TokenStore, TokenStore, ...TokenStore[]]

export async function several(open: Open, handles = 2): Promise<Handles> {
  const stores: Handles = [await open(), await open()]
  while (stores.length < handles) stores.push(await open())
  return stores
}

export function newKey(): string {
  return `conformance:${randomUUID()}`
}

export async function read(store: TokenStore, key: string): Promise<string | undefined> {
  const [value] = await store.get([key])
  return value
}

const neverWritten = newKey()

/**
 * Read `key` in a call for one key, and in a call for two keys, as guards do. A store may handle the two calls
 * differently.
 */
export function readBothWays(store: TokenStore, key: string): Promise<[string | undefined, string | undefined]> {
  return Promise.all([read(store, key), store.get([neverWritten, key]).then(([, value]) => value)])
}

/** Read `key` alone and together with another key, and expect `value`. `what` describes the call in the message. */
export async function expectValue(
  store: TokenStore,
  key: string,
  value: string | undefined,
  what = 'get',
): Promise<void> {
  const [alone, together] = await readBothWays(store, key)
  expectSame(what, alone, value)
  expectSame(`${what}, read together with another key`, together, value)
}

export async function write(
  store: TokenStore,
  key: string,
  value: string,
  expected?: string,
  expiresAt = later(),
): Promise<void> {
  const written = await store.compareAndSet(key, expected, value, expiresAt)
  const held = expected === undefined ? 'nothing' : show(expected)
  expectSame(`compareAndSet that writes ${show(value)} where ${held} is stored and expected`, written, true)
}

/** Expect compareAndSet to write nothing. `held`: the stored value, for the message. */
export async function expectRefusal(
  store: TokenStore,
  key: string,
  expected: string | undefined,
  held: string | undefined,
  { value = 'wrong', expiresAt = later() }: { value?: string; expiresAt?: Date } = {},
): Promise<void> {
  const words = (value: string | undefined) => (value === undefined ? 'nothing' : show(value))
  const written = await store.compareAndSet(key, expected, value, expiresAt)
  expectSame(`compareAndSet that expects ${words(expected)} where ${words(held)} is stored`, written, false)
}

/**
 * Resolves to the store's answer, or to its StoreRejection. Rejects with any other error: for example, if the call
 * never ends.
 */
export function answerOrRejection<T>(call: Promise<T>): Promise<T | StoreRejection> {
  return call.catch((error: unknown) => {
    if (error instanceof StoreRejection) return error
    throw error
  })
}

/** Expect that the store rejects a call. */
export async function expectRejection(what: string, call: Promise<unknown>): Promise<void> {
  const answer = await answerOrRejection(call)
  if (!(answer instanceof StoreRejection)) throw failure(what, show(answer), 'a rejection')
}

/** Increase a counter by one, `times` times. If another writer was faster, try again. */
export async function countUp(store: TokenStore, key: string, times: number): Promise<void> {
  let done = 0
  // An attempt fails only if the attempt of another writer has succeeded.
  for (let attempt = 0; attempt < 100 * times && done < times; attempt++) {
    const before = await read(store, key)
    if (await store.compareAndSet(key, before, String(Number(before ?? 0) + 1), forMinutes())) done++
  }
  expectSame(`successful writes of a counter in ${100 * times} attempts`, done, times)
}

/**
 * Do `work` for each item, for up to 100 items at the same time. Resolves to the results, in the order of the items.
 */
export async function inPortions<T, R>(
  items: readonly T[],
  work: (item: T, place: number) => Promise<R>,
): Promise<R[]> {
  const results: R[] = []
  for (let start = 0; start < items.length; start += AT_ONCE) {
    const portion = items.slice(start, start + AT_ONCE)
    results.push(...(await Promise.all(portion.map((item, place) => work(item, start + place)))))
  }
  return results
}
