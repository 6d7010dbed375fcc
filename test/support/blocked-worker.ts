/**
 * A process whose event loop is blocked while it uses a Redis store: `fork` it with the JSON of a `BlockedOrder`. It sends
 * what its calls came to.
 */
import { block } from './busy.js'
import { openShared } from './store-kinds.js'
import { until } from './until.js'

export interface BlockedOrder {
  /** Whose client the store uses: its own, of node-redis, or one of ioredis. */
  readonly kind: 'redis' | 'ioredis'
  readonly url: string
  /** Milliseconds of each block. */
  readonly milliseconds: number
  /** Block before it has connected for the first time, or afterwards. */
  readonly when: 'at the start' | 'later'
  /** Turns of the event loop from a call until the block. */
  readonly turns: number
}

export type BlockedReport = readonly ('answered' | string)[]

const { kind, url, milliseconds, when, turns } = JSON.parse(process.argv[2] as string) as BlockedOrder
// Shorter than each block, and long enough for answers that are slow because the machine is busy.
const store = openShared({ kind, at: url }, { timeout: 1000 })
if (when === 'later') await until(() => store.get(['key']))
const outcomes = [...(await callsAround('read')), ...(await callsAround('idle')), await outcomeOf(write())]
process.send?.(outcomes satisfies BlockedReport)
await store.close?.()
process.disconnect()

async function callsAround(activity: 'read' | 'idle'): Promise<string[]> {
  const calls = activity === 'read' ? [store.get(['key', 'other']), write()] : []
  const settled = calls.map(outcomeOf)
  for (let turn = 0; turn < turns; turn++) await new Promise(setImmediate)
  block(milliseconds)
  return Promise.all([...settled, outcomeOf(store.get(['key']))])
}

function write(): Promise<boolean> {
  return store.compareAndSet(`key ${Math.random()}`, undefined, 'a', new Date(Date.now() + 60_000))
}

function outcomeOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => 'answered',
    error => String(error),
  )
}
