/**
 * Divides sessions among several databases: each key is always in the same one. Start it with
 * `TOKEN_STORES='redis://10.0.0.1 redis://10.0.0.2'`; without it, the shards are in memory.
 * docs/scaling.md says when this is needed, and how to double the number of shards.
 */
import { createHash, randomBytes } from 'node:crypto'
import { AuthX, type StoreFinding, type TokenStore } from 'koa-authx'
import { MemoryTokenStore } from 'koa-authx/stores/memory'
import { RedisTokenStore } from 'koa-authx/stores/redis'
import { createApp } from './app.js'

export class ShardedTokenStore implements TokenStore {
  readonly #shards: readonly TokenStore[]

  /** The order of the shards decides which keys each one has: it must be the same in all servers. */
  constructor(shards: readonly TokenStore[]) {
    if (shards.length === 0) throw new RangeError('a sharded store needs at least one shard')
    this.#shards = shards
  }

  async get(keys: readonly string[]): Promise<(string | undefined)[]> {
    const keysOf = new Map<TokenStore, string[]>()
    for (const key of keys) {
      const shard = this.#shardOf(key)
      keysOf.set(shard, [...(keysOf.get(shard) ?? []), key])
    }
    const values = new Map<string, string | undefined>()
    const read = async ([shard, own]: [TokenStore, string[]]) => {
      const found = await shard.get(own)
      for (const [n, key] of own.entries()) values.set(key, found[n])
    }
    // If one shard does not answer, the call rejects: whether a key is there is not known.
    await Promise.all([...keysOf].map(read))
    return keys.map(key => values.get(key))
  }

  async compareAndSet(key: string, expected: string | undefined, value: string, expiresAt: Date): Promise<boolean> {
    return this.#shardOf(key).compareAndSet(key, expected, value, expiresAt)
  }

  async check(): Promise<StoreFinding[]> {
    const findings = await Promise.all(this.#shards.map(shard => shard.check?.() ?? []))
    return findings.flat()
  }

  async close(): Promise<void> {
    await Promise.all(this.#shards.map(shard => shard.close?.()))
  }

  #shardOf(key: string): TokenStore {
    const hash = createHash('sha256').update(key).digest().readUInt32BE()
    return this.#shards[hash % this.#shards.length] as TokenStore
  }
}

const { HOST = '127.0.0.1', PORT = '8000', JWT_SECRET_KEY, TOKEN_STORES } = process.env
const shards = TOKEN_STORES
  ? TOKEN_STORES.split(' ').map(url => new RedisTokenStore(url))
  : [new MemoryTokenStore(), new MemoryTokenStore()]

const authx = new AuthX({
  secretKey: JWT_SECRET_KEY ?? randomBytes(32).toString('hex'),
  store: new ShardedTokenStore(shards),
})

export const server = createApp(authx).listen(Number(PORT), HOST)
