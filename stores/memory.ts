/**
 * Sessions in the memory of one process.
 * @module koa-authx/stores/memory
 */
import type { StoreFinding } from '../src/store.js'
import { AdapterTokenStore } from './adapter-store.js'
import { MemoryAdapter, type MemoryRecord } from './memory-adapter.js'
import { memoryFindings, warnInWorker } from './memory-findings.js'
import { checkedPrefix, knownOptions, type StoreOptions } from './options.js'

export { MemoryAdapter, type MemoryRecord, type StoreOptions }

/** Options of `MemoryTokenStore`. */
export interface MemoryTokenStoreOptions extends StoreOptions {
  /** The Map that holds the records. Stores of one process that get the same Map share them. Default: a new Map. */
  map?: Map<string, MemoryRecord> | undefined
}

/**
 * Sessions in this process's memory: for tests, development and services of one process whose users may be logged out
 * by a restart. Expired records are deleted. In a worker of node:cluster, the process warning `AUTHX_MEMORY_IN_WORKER`
 * says why logins look revoked.
 *
 * @throws TypeError for a wrong option. Calls reject with RangeError for an `expiresAt` that is not in the future, and
 * with Error after the store was closed.
 */
export class MemoryTokenStore extends AdapterTokenStore {
  constructor(options?: MemoryTokenStoreOptions) {
    const { prefix, map } = knownOptions('MemoryTokenStore', options, ['prefix', 'map'])
    if (map !== undefined && !(map instanceof Map)) throw new TypeError('MemoryTokenStore: map must be a Map')
    super(new MemoryAdapter(map), checkedPrefix('MemoryTokenStore', prefix))
    warnInWorker('MemoryTokenStore')
  }

  protected async findings(): Promise<readonly StoreFinding[]> {
    return memoryFindings()
  }
}
