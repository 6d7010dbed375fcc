/**
 * A store of one's own takes two verbs. This one keeps records in a Map, so it is right for one process only; over a
 * database `compareAndSet` is one atomic statement, such as `UPDATE ... SET value = ? WHERE key = ? AND value = ?`.
 * Its test runs the conformance suite of koa-authx/testing on it.
 */
import { randomBytes } from 'node:crypto'
import { AuthX, type TokenStore } from 'koa-authx'
import { createApp } from './app.js'

type Records = Map<string, { value: string; expiresAt: Date }>

export class MapTokenStore implements TokenStore {
  readonly #records: Records

  constructor(records: Records = new Map()) {
    this.#records = records
    // What has expired goes away, even if nobody reads it again.
    setInterval(() => [...records.keys()].map(key => this.#read(key)), 60_000).unref()
  }

  async get(keys: readonly string[]): Promise<(string | undefined)[]> {
    return keys.map(key => this.#read(key))
  }

  async compareAndSet(key: string, expected: string | undefined, value: string, expiresAt: Date): Promise<boolean> {
    // Nothing is awaited between reading and writing, so no other call comes in between.
    if (this.#read(key) !== expected) return false
    this.#records.set(key, { value, expiresAt })
    return true
  }

  #read(key: string): string | undefined {
    const record = this.#records.get(key)
    if (record && record.expiresAt > new Date()) return record.value
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
