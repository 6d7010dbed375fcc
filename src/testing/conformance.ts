import { checkNames, isObject } from '../config/values.js'
import type { TokenStore } from '../store.js'
import { checking } from './cases/checking.js'
import { closing } from './cases/closing.js'
import { expiring } from './cases/expiring.js'
import { type ExpiryOf, keeping } from './cases/keeping.js'
import { outages } from './cases/outages.js'
import { prefixing } from './cases/prefixing.js'
import { betweenProcesses } from './cases/processes.js'
import { racing } from './cases/racing.js'
import { reading } from './cases/reading.js'
import { sharing } from './cases/sharing.js'
import { strings } from './cases/strings.js'
import { writing } from './cases/writing.js'
import { checkedStore } from './checked-store.js'
import type { Cases, Open, StoreOutage, SuiteProcesses } from './steps.js'

/** Options of `testTokenStore`: your test runner and your store. */
export interface StoreConformance {
  /**
   * The `test` or `it` of your test runner: node:test, vitest, mocha. If the runner limits the time of a test, set one
   * minute: some tests wait for seconds, and slow stores take longer.
   */
  test: (name: string, run: () => Promise<void>) => unknown

  /**
   * Returns a new handle on the **same** backend at each call, as if another process had opened it. Each test closes
   * the handles that it has opened. Some tests pass a `prefix`; the store must then use it.
   */
  createStore: (options?: { prefix?: string }) => TokenStore | Promise<TokenStore>

  /** `false` if the store has no prefixes. Default: `true`. */
  prefixes?: boolean | undefined

  /**
   * Makes the backend fail, and work again. Enables two more tests: the store rejects while the backend fails, and does
   * not apply the rejected writes later. While one of the two runs, no other test may use the backend. Default: not
   * set, and the two tests do not run.
   */
  outage?: StoreOutage | undefined

  /**
   * Set it in each of several processes that run the suite at the same time on one backend. Enables two more tests.
   * They find mistakes that stay hidden in one process, such as a lock or a cache that works only inside the process.
   * Default: not set, and the two tests do not run.
   */
  processes?: SuiteProcesses | undefined

  /**
   * Returns the date when the value under `key` expires. It must ask the backend itself, not the store. The store of
   * this key was opened without options. Return `undefined` if there is no value, or no expiry. Enables one more test:
   * a lifetime of years is not cut short. Default: not set, and the test does not run, because no test can wait for
   * years.
   */
  expiryOf?: ExpiryOf | undefined
}

/**
 * Check a TokenStore against its contract (see `TokenStore`) with your own test runner. A test that fails reports
 * what it saw and what it expected. Keys are random, so the backend may hold other data and be in use; only `outage`
 * disturbs it. About 4,500 small records stay in it for up to an hour.
 *
 * One process cannot test that `compareAndSet` is atomic between processes: run the suite in several at once, with
 * `processes`. docs/testing.md lists what the suite cannot test.
 * @throws TypeError that names the invalid option.
 */
export function testTokenStore(conformance: StoreConformance): void {
  checkConformance(conformance)
  for (const [name, run] of Object.entries(casesFor(conformance))) {
    conformance.test(name, () => withHandles(conformance.createStore, run))
  }
}

const OPTIONS = new Set(['test', 'createStore', 'prefixes', 'outage', 'processes', 'expiryOf'])

function checkConformance(conformance: StoreConformance): void {
  checkNames(conformance, OPTIONS, 'testTokenStore')
  const { test, createStore, outage, processes, expiryOf } = conformance
  checkFunctions({ test, createStore })
  if (expiryOf !== undefined) checkFunctions({ expiryOf })
  if (outage !== undefined) checkFunctions({ 'outage.start': outage?.start, 'outage.end': outage?.end })
  if (processes !== undefined) checkProcesses(processes)
}

function checkFunctions(functions: Record<string, unknown>): void {
  for (const [name, given] of Object.entries(functions)) {
    if (typeof given !== 'function') throw new TypeError(`${name} must be a function`)
  }
}

function checkProcesses(processes: SuiteProcesses): void {
  if (!isObject(processes)) throw new TypeError('processes must be an object: { run, count, index }')
  const { run, count, index } = processes as SuiteProcesses
  if (typeof run !== 'string' || !/^[ -~]{1,36}$/.test(run)) {
    throw new TypeError('processes.run must be 1 to 36 characters of printable ASCII, such as a UUID')
  }
  if (!Number.isInteger(count) || count < 2) throw new TypeError('processes.count must be a whole number from 2')
  if (!Number.isInteger(index) || index < 0 || index >= count) {
    throw new TypeError('processes.index must be a whole number from 0 to processes.count - 1')
  }
}

function casesFor({ prefixes = true, outage, processes, expiryOf }: StoreConformance): Cases {
  return {
    ...reading,
    ...sharing,
    ...writing,
    ...racing,
    ...expiring,
    ...strings,
    ...checking,
    ...closing,
    ...(prefixes && prefixing),
    ...(expiryOf && keeping(expiryOf)),
    ...(processes && betweenProcesses(processes)),
    ...(outage && outages(outage)),
  }
}

async function withHandles(
  createStore: StoreConformance['createStore'],
  run: (open: Open) => Promise<void>,
): Promise<void> {
  const stores: TokenStore[] = []
  const open: Open = async options => {
    const store = checkedStore(await (options ? createStore(options) : createStore()))
    stores.push(store)
    return store
  }
  const close = () => Promise.all(stores.map(store => store.close?.()))
  try {
    await run(open)
  } catch (error) {
    // Report the first error, not a later error of `close`.
    await close().catch(() => {})
    throw error
  }
  await close()
}
