/**
 * Your own store needs two methods. This store keeps records in a Map, so it works for one process only. For a
 * database see custom-sql-store.ts: there, `compareAndSet` is one atomic statement.
 * The test of this example runs the conformance suite of koa-authx/testing.
 */
import { randomBytes } from 'node:crypto'
import { AuthX, type TokenStore } from 'koa-authx'
import { createApp } from './app.js'

type Records = Map<string, { value: string; endsAt: number }>

export class MapTokenStore implements TokenStore {
  readonly #records: Records

  constructor(records: Records = new Map()) {
    this.#records = records
    // Delete expired records that nobody reads again.
    setInterval(() => [...records.keys()].map(key => this.#read(key)), 60_000).unref()
  }

  async get(keys: readonly string[]): Promise<(string | undefined)[]> {
    return keys.map(key => this.#read(key))
  }

  async compareAndSet(key: string, expected: string | undefined, value: string, expiresAt: Date): Promise<boolean> {
    // There is no await between the read and the write, so no other call can run in between.
    if (this.#read(key) !== expected) return false
    // Not the Date itself: the caller may change it later.
    this.#records.set(key, { value, endsAt: expiresAt.getTime() })
    return true
  }

  #read(key: string): string | undefined {
    const record = this.#records.get(key)
    if (record && record.endsAt > Date.now()) return record.value
    this.#records.delete(key)
    return undefined
  }
}

const { HOST = '127.0.0.1', PORT = '8000', JWT_SECRET_KEY } = process.env

const authx = new AuthX({
  secretKey: JWT_SECRET_KEY ?? randomBytes(32).toString('hex'),
  store: new MapTokenStore(),
})

export const server = createApp(authx).listen(Number(PORT), HOST)
