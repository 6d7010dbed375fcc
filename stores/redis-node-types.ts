// In TypeScript, a module that is not installed is `any`, and `@ts-ignore` keeps this from being an error. So applications
// that pass a client of ioredis compile without @keyv/redis. What is `any` becomes `never`, which nothing can be.

// biome-ignore lint/suspicious/noTsIgnore: it is an error only for applications without @keyv/redis.
/** @ts-ignore */
type NodeRedis = typeof import('@keyv/redis')

// biome-ignore lint/suspicious/noTsIgnore: as above.
/** @ts-ignore */
type Client = import('@keyv/redis').RedisClientConnectionType

/** `any` has every name. */
type Installed<T> = string extends keyof NodeRedis ? never : T

/** A client, cluster client or sentinel client of node-redis 5. */
export type RedisClient = Installed<Client>

/** Options of `createClient` of node-redis. */
export type RedisClientOptions = Installed<NonNullable<Parameters<NodeRedis['createClient']>[0]>>
