import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, type TestContext, test } from 'node:test'
import { createClient } from '@keyv/redis'
import {
  type IRateLimiterRedisOptions,
  RateLimiterMemory,
  RateLimiterRedis,
  RLWrapperTimeouts,
} from 'rate-limiter-flexible'
import { type RateLimiter, rateLimited } from '../../src/index.js'
import { appOf, type Client, serve } from '../support/app.js'
import { type RedisServer, startRedis } from '../support/redis.js'
import { until } from '../support/until.js'

const LIMIT = { points: 2, duration: 3600 }

type ClientOptions = NonNullable<Parameters<typeof createClient>[0]>

describe('a rate limit in Redis', () => {
  let redis: RedisServer
  before(async () => {
    redis = await startRedis()
  })
  beforeEach(() => redis.command('FLUSHALL'))
  after(() => redis.stop())

  /** A limiter over a connection of its own that is open when this resolves. */
  async function limiterOf(
    t: TestContext,
    connection: ClientOptions = {},
    more: Partial<IRateLimiterRedisOptions> = {},
  ): Promise<RateLimiterRedis> {
    const storeClient = createClient({ url: redis.url, ...connection })
    storeClient.on('error', () => {})
    await storeClient.connect()
    t.after(() => storeClient.destroy())
    return new RateLimiterRedis({ storeClient, useRedisPackage: true, ...LIMIT, ...more })
  }

  const served = (t: TestContext, limiter: RateLimiter, timeout?: number): Promise<Client> => {
    const app = appOf(rateLimited(limiter, { timeout }), ctx => {
      ctx.body = 'served'
    })
    return serve(t, app)
  }

  const back = (client: Client) => until(async () => (await client()).status === 200)

  test('is one for all processes', async t => {
    const clients = [await served(t, await limiterOf(t)), await served(t, await limiterOf(t))] as const
    assert.deepEqual([(await clients[0]()).status, (await clients[1]()).status], [200, 200])
    for (const client of clients) {
      const { status, headers } = await client()
      assert.equal(status, 429)
      assert.match(headers['retry-after'] ?? '', /^\d+$/)
    }
  })

  test('keeps small keys, whatever comes in', async t => {
    const limiter = await limiterOf(t)
    const app = appOf(rateLimited(limiter, { key: () => '\0é'.repeat(500_000) }), ctx => {
      ctx.body = 'served'
    })
    assert.equal((await (await serve(t, app))()).status, 200)
    const keys = await redis.command('KEYS', '*')
    assert.match(keys, /^\*1\r\n\$50\r\nrlflx:~[\w-]{43}\r\n/)
  })

  // The client of node-redis waits for Redis to come back by default; told not to, it fails at once.
  for (const [how, connection] of [
    ['waits', {}],
    ['fails', { disableOfflineQueue: true }],
  ] as const) {
    test(`is 503 while Redis is away and the client ${how}, and holds again when it is back`, async t => {
      const client = await served(t, await limiterOf(t, connection), 200)
      assert.equal((await client()).status, 200)
      await redis.kill()
      for (let n = 1; n <= 3; n++) {
        const { status, headers } = await client()
        assert.deepEqual([status, headers['retry-after']], [503, '1'])
      }
      await redis.restart()
      // What the waiting client has kept counts when Redis is back.
      await until(async () => (await client()).status !== 503)
      await until(async () => (await client()).status === 429)
    })
  }

  test('is 503 while Redis is frozen, and holds again when it goes on', async t => {
    const client = await served(t, await limiterOf(t, { disableOfflineQueue: true }), 200)
    redis.pause()
    t.after(() => redis.resume())
    for (let n = 1; n <= 3; n++) assert.equal((await client()).status, 503)
    redis.resume()
    await until(async () => (await client()).status === 429)
  })

  /** As docs/rate-limits.md advises. */
  async function insured(t: TestContext): Promise<RateLimiter> {
    const limiter = await limiterOf(t, { disableOfflineQueue: true }, { rejectIfRedisNotReady: true })
    return new RLWrapperTimeouts({ limiter, timeoutMs: 250, insuranceLimiter: new RateLimiterMemory(LIMIT) })
  }

  test('goes on in memory while Redis is away, if it is insured', async t => {
    const client = await served(t, await insured(t))
    await redis.kill()
    const statuses = [(await client()).status, (await client()).status, (await client()).status]
    assert.deepEqual(statuses, [200, 200, 429])
    await redis.restart()
    await back(client)
  })

  test('goes on in memory while Redis is frozen, if it is insured', async t => {
    const client = await served(t, await insured(t))
    redis.pause()
    t.after(() => redis.resume())
    const statuses = [(await client()).status, (await client()).status, (await client()).status]
    assert.deepEqual(statuses, [200, 200, 429])
  })
})
