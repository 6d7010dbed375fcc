/**
 * A process that keeps sessions in its memory, in several ways. It sends the codes of what `check` finds, by store, and
 * then the codes of the process warnings that it was given.
 */
import { Keyv } from 'keyv'
import type { TokenStore } from '../../src/store.js'
import { KeyvTokenStore } from '../../stores/keyv.js'
import { MemoryAdapter, MemoryTokenStore } from '../../stores/memory.js'
import { SqliteTokenStore } from '../../stores/sqlite.js'
import { MapAdapter } from './keyv-adapters.js'

const STORES: Record<string, () => TokenStore> = {
  memory: () => new MemoryTokenStore(),
  'keyv map': () => new KeyvTokenStore(new Keyv()),
  'keyv memory adapter': () => new KeyvTokenStore(new Keyv({ store: new MemoryAdapter() })),
  'sqlite in memory': () => new SqliteTokenStore(':memory:'),
  'keyv elsewhere': () => new KeyvTokenStore(new Keyv({ store: new MapAdapter() as never })),
}

export interface MemoryReport {
  readonly found: readonly string[]
  readonly warnings: readonly { readonly code: string; readonly message: string }[]
}

const warnings: { code: string; message: string }[] = []
process.on('warning', ({ code, message }: Error & { code?: string }) => {
  if (code?.startsWith('AUTHX_')) warnings.push({ code, message })
})

// A second one of each: a warning is given once.
const [, , name = ''] = process.argv
const stores = [STORES[name]?.(), STORES[name]?.()] as TokenStore[]
const found = (await stores[0]?.check?.())?.map(({ code }) => code) ?? []
await Promise.all(stores.map(store => store.close?.()))
// Warnings are emitted in a later tick.
setImmediate(() => {
  const report: MemoryReport = { found, warnings }
  if (process.send) process.send(report, () => process.disconnect())
  else console.log(JSON.stringify(report))
})
