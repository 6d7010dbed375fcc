import { checkNames, isObject } from '../config/values.js'
import type { TokenStore } from '../store.js'
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

/** What `testTokenStore` needs: your test runner and your store. */
export interface StoreConformance {
  /**
   * The `test` or `it` of your test runner: node:test, vitest, mocha. Give each test a minute, where the runner has a
   * limit: some wait for seconds, and slow stores take longer.
   */
  test: (name: string, run: () => Promise<void>) => unknown

  /**
   * A new handle on the **same** backend at every call, as another process would open it. Each test closes the handles
   * that it has opened. `prefix` is given by some tests only, and must be honoured then.
   */
  createStore: (options?: { prefix?: string }) => TokenStore | Promise<TokenStore>

  /** `false` if the store has no prefixes. Default: `true`. */
  prefixes?: boolean | undefined

  /**
   * Makes the backend fail, and work again: two more tests then see that the store rejects while it fails, and writes
   * nothing of that later. Left out, they are not run. While one of them runs, no other test may use the backend.
   */
  outage?: StoreOutage | undefined

  /**
   * Given in each of several processes that run the suite at the same time on one backend: two more tests then see what
   * they do to each other. Left out, they are not run: all handles are in one process, and a lock or a cache of the process
   * hides what others would see.
   */
  processes?: SuiteProcesses | undefined

  /**
   * When the backend will drop what it keeps under `key` of a store that was opened without options; `undefined` if it
   * keeps nothing, or keeps it without limit. Ask the backend itself, not the store. One more test then sees that a life of years is not cut short. Left
   * out, it is not run: no test can wait for so long.
   */
  expiryOf?: ExpiryOf | undefined
}

/**
 * Check a TokenStore against its contract (see `TokenStore`) with your own test runner. A case that fails says what it
 * saw and what it expected. Keys are random: a backend that is in use need not be empty and is not disturbed, except by
 * `outage`. About 4,000 small records stay in it for up to an hour.
 *
 * Whether compareAndSet is atomic between processes cannot be seen from one: run the suite in several at once, with
 * `processes`. docs/testing.md lists what it cannot see.
 * @throws TypeError naming the option that is wrong.
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
  if (!Number.isInteger(count) || count < 2) throw new TypeError('processes.count must be a whole number from 2 up')
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
    // What went wrong first is what to tell of.
    await close().catch(() => {})
    throw error
  }
  await close()
}
