/**
 * One of several processes at the same store: `fork` it with `[JSON of SharedBackend]`, send it a `WorkerMessage`, and it
 * answers with a `WorkerReport`.
 */
import { type SuiteProcesses, testTokenStore } from '../../src/testing/index.js'
import { openShared, type SharedBackend } from './store-kinds.js'

export interface WorkerOrder {
  /** Run the whole conformance suite. */
  suite?: boolean
  /** Try to be the first to write each of these keys. */
  claim?: string[]
  /** Count this key up by one, so many times. */
  count?: { key: string; times: number }
}

/** What is sent: the order, and which of the processes that have it this one is. */
export type WorkerMessage = WorkerOrder & { readonly processes: SuiteProcesses }

export interface WorkerReport {
  failures: string[]
  /** The keys that this process was told it wrote. */
  claimed: string[]
}

const backend = JSON.parse(process.argv[2] as string) as SharedBackend
// Four processes, two processors and a synchronous disk: the point is who wins, not how soon.
const timeout = 10_000

process.on('message', (order: WorkerMessage) => {
  carryOut(order).then(report => process.send?.(report, () => process.disconnect()))
})
process.send?.('ready')

async function carryOut({ suite, claim = [], count, processes }: WorkerMessage): Promise<WorkerReport> {
  const report: WorkerReport = { failures: [], claimed: [] }
  try {
    if (suite) report.failures.push(...(await failuresOfSuite(processes)))
    report.claimed.push(...(await claimAll(claim)))
    if (count) await countUp(count)
  } catch (error) {
    report.failures.push(String(error))
  }
  return report
}

async function failuresOfSuite(processes: SuiteProcesses): Promise<string[]> {
  const tests: [string, () => Promise<void>][] = []
  testTokenStore({
    test: (name, run) => tests.push([name, run]),
    createStore: options => openShared(backend, { ...options, timeout }),
    processes,
  })
  const failures: string[] = []
  for (const [name, run] of tests) await run().catch(error => failures.push(`${name}: ${error}`))
  return failures
}

async function claimAll(keys: readonly string[]): Promise<string[]> {
  const store = openShared(backend, { timeout })
  const told = await Promise.all(
    keys.map(key => store.compareAndSet(key, undefined, `process ${process.pid}`, new Date(Date.now() + 60_000))),
  )
  await store.close?.()
  return keys.filter((_, place) => told[place])
}

async function countUp({ key, times }: { key: string; times: number }): Promise<void> {
  const store = openShared(backend, { timeout })
  for (let done = 0; done < times; ) {
    const [before] = await store.get([key])
    const next = String(Number(before ?? 0) + 1)
    if (await store.compareAndSet(key, before, next, new Date(Date.now() + 60_000))) done++
  }
  await store.close?.()
}
