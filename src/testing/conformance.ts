import type { TokenStore } from '../store.js'
import { closing } from './cases/closing.js'
import { expiring } from './cases/expiring.js'
import { prefixing } from './cases/prefixing.js'
import { racing } from './cases/racing.js'
import { reading } from './cases/reading.js'
import { strings } from './cases/strings.js'
import { writing } from './cases/writing.js'
import type { Open } from './steps.js'

/** What `testTokenStore` needs: your test runner and your store. */
export interface StoreConformance {
  /** The `test` or `it` of your test runner: node:test, vitest, mocha. */
  test: (name: string, run: () => Promise<void>) => unknown

  /**
   * A new handle on the **same** backend at every call, as another process would open it. Each test closes the handles
   * that it has opened. `prefix` is given by one test only, and must be honoured then.
   */
  createStore: (options?: { prefix?: string }) => TokenStore | Promise<TokenStore>

  /** `false` if the store has no prefixes; default `true`. */
  prefixes?: boolean | undefined
}

/**
 * Check a TokenStore against its contract (see `TokenStore`) with your own test runner. Keys are random: a backend that
 * is in use need not be empty and is not disturbed. Whether compareAndSet is atomic between processes cannot be seen
 * from one: run the suite from several at once for that.
 */
export function testTokenStore({ test, createStore, prefixes = true }: StoreConformance): void {
  const cases = { ...reading, ...writing, ...racing, ...expiring, ...strings, ...closing, ...(prefixes && prefixing) }
  for (const [name, run] of Object.entries(cases)) test(name, () => withHandles(createStore, run))
}

async function withHandles(
  createStore: StoreConformance['createStore'],
  run: (open: Open) => Promise<void>,
): Promise<void> {
  const stores: TokenStore[] = []
  try {
    await run(async options => {
      const store = await (options ? createStore(options) : createStore())
      stores.push(store)
      return store
    })
  } finally {
    for (const store of stores) await store.close?.()
  }
}
