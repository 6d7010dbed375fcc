import type { StoreFinding, TokenStore } from '../../../src/store.js'

/** One thing that is stored. `expires`: milliseconds since 1970. */
export interface Entry {
  value: string
  expires: number
}

/** What the handles of one test share. */
export class Backend {
  readonly entries = new Map<string, Entry>()
  /** While it is `true`, nothing is read or written. */
  isDown = false
}

export type CompareAndSet = Parameters<TokenStore['compareAndSet']>

/**
 * All that a store needs to be, in steps that a wrong store does otherwise. `get` and `compareAndSet` do all their work
 * before they wait for anything, so that nothing comes in between.
 */
export class PlainStore implements TokenStore {
  closed = false

  constructor(
    readonly backend: Backend,
    readonly prefix = '',
    /** Which of several processes this handle is in. */
    readonly process = 0,
  ) {}

  async get(keys: readonly string[]): Promise<readonly (string | undefined)[]> {
    this.checkOpen()
    return keys.map(key => this.read(key))
  }

  async compareAndSet(...[key, expected, value, expiresAt]: CompareAndSet): Promise<boolean> {
    this.checkOpen()
    if (!this.same(this.read(key), expected)) return false
    this.put(key, value, expiresAt)
    return true
  }

  async check(): Promise<readonly StoreFinding[]> {
    this.checkOpen()
    return [{ code: 'plain-memory', message: 'A restart ends all sessions.' }]
  }

  async close(): Promise<void> {
    this.closed = true
  }

  checkOpen(): void {
    if (this.closed) throw new Error('closed')
    if (this.backend.isDown) throw new Error('down')
  }

  /** The entry under `key`, expired or not. */
  entry(key: string): Entry | undefined {
    return this.backend.entries.get(this.nameOf(key))
  }

  read(key: string): string | undefined {
    const entry = this.entry(key)
    return entry && entry.expires > Date.now() ? entry.value : undefined
  }

  put(key: string, value: string, expiresAt: Date): void {
    this.backend.entries.set(this.nameOf(key), { value, expires: this.expiryFor(expiresAt) })
  }

  nameOf(key: string): string {
    return this.prefix + key
  }

  same(held: string | undefined, expected: string | undefined): boolean {
    return held === expected
  }

  expiryFor(expiresAt: Date): number {
    return expiresAt.getTime()
  }
}

/** A wrong store, the case that has to catch it, and what the message of that case has to say. */
export interface WrongStore {
  readonly mistake: string
  readonly make: (backend: Backend, prefix?: string, process?: number) => TokenStore
  readonly caughtBy: string
  readonly saying: RegExp
}

type StoreClass = new (backend: Backend, prefix?: string, process?: number) => TokenStore

/** A row of the table. */
export function wrong(mistake: string, Store: StoreClass, caughtBy: string, saying: RegExp): WrongStore {
  return { mistake, make: (...args) => new Store(...args), caughtBy, saying }
}
