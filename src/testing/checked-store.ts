import type { TokenStore } from '../store.js'
import { Deadline, withDeadline } from '../time/deadline.js'
import { failure, StoreRejection, SuiteFailure, show } from './show.js'

/** A store that says nothing for so long will never answer. It rejects before, by a time of its own. */
const ANSWERS_WITHIN_MS = 10_000

/**
 * A store whose every answer is checked for its shape: a case then has only to look at what it says. What the given store
 * rejects with comes as StoreRejection, which names the call.
 */
export function checkedStore(store: TokenStore): TokenStore {
  const checked: TokenStore = {
    async get(keys) {
      // Frozen: the keys stay the caller's, who may use them again.
      const values: unknown = await answered('get', async () => store.get(Object.freeze([...keys])))
      return checkValues(values, keys.length)
    },
    async compareAndSet(...args) {
      const written: unknown = await answered('compareAndSet', async () => store.compareAndSet(...args))
      if (typeof written === 'boolean') return written
      throw failure('compareAndSet', show(written), 'true or false')
    },
  }
  if (!store.close) return checked
  return { ...checked, close: () => answered('close', async () => store.close?.()) }
}

function checkValues(values: unknown, count: number): readonly (string | undefined)[] {
  if (!Array.isArray(values)) throw failure('get', show(values), 'an array')
  if (values.length !== count) throw failure(`get of ${count} keys`, `${values.length} values`, `${count}`)
  for (const value of values) {
    if (value !== undefined && typeof value !== 'string') throw failure('get', show(value), 'a string or undefined')
  }
  return values
}

function answered<T>(call: string, run: () => Promise<T>): Promise<T> {
  const late = () => failure(call, `no answer within ${ANSWERS_WITHIN_MS / 1000} seconds`, 'an answer or a rejection')
  return withDeadline(new Deadline(ANSWERS_WITHIN_MS, late), run).catch((error: unknown) => {
    throw error instanceof SuiteFailure ? error : new StoreRejection(call, error)
  })
}
