import type { StoreFinding, TokenStore } from '../store.js'
import { Deadline, withDeadline } from '../time/deadline.js'
import { failure, StoreRejection, SuiteFailure, show } from './show.js'

/**
 * A call without an answer after this time counts as never answered, because every store has a shorter timeout of its
 * own.
 */
const ANSWERS_WITHIN_MS = 10_000

/**
 * Wraps a store and checks the type of every answer, so that the cases only check its content. Rejections of the store
 * become a StoreRejection, which names the call.
 */
export function checkedStore(store: TokenStore): TokenStore {
  const checked: TokenStore = {
    async get(keys) {
      // Frozen: a store must not change the caller's keys.
      const values: unknown = await answered('get', async () => store.get(Object.freeze([...keys])))
      return checkValues(values, keys.length)
    },
    async compareAndSet(...args) {
      const written: unknown = await answered('compareAndSet', async () => store.compareAndSet(...args))
      if (typeof written === 'boolean') return written
      throw failure('compareAndSet', show(written), 'true or false')
    },
  }
  if (store.check) checked.check = async () => checkFindings(await answered('check', async () => store.check?.()))
  if (store.close) checked.close = () => answered('close', async () => store.close?.())
  return checked
}

function checkFindings(findings: unknown): readonly StoreFinding[] {
  if (!Array.isArray(findings)) throw failure('check', show(findings), 'an array')
  for (const finding of findings) {
    const { code, message } = (finding ?? {}) as Record<string, unknown>
    if (!isText(code) || !isText(message)) throw failure('check', show(finding), 'texts as code and message')
  }
  return findings
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value !== ''
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
