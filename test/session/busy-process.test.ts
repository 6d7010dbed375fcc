import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { type AuthX, rateLimited, type TokenStore } from '../../src/index.js'
import { PostgresTokenStore } from '../../stores/postgres.js'
import { appOf, bearer, type Client, makeAuthX, serve, TEST_SECRET } from '../support/app.js'
import { block, blockInBursts, farService } from '../support/busy.js'
import { startPostgres } from '../support/postgres.js'
import { startRedis } from '../support/redis.js'
import { openShared } from '../support/store-kinds.js'
import { tcpProxy } from '../support/tcp-proxy.js'
import { until } from '../support/until.js'

/** Longer than `storeTimeout`, which is 250 ms by default. */
const BUSY = 400

describe('a process that is busy, with a Redis that is some milliseconds away', () => {
  test('answers none of the guarded requests that wait for Redis meanwhile with 503', async t =>
    waits(t, await farRedis(t)))
  test('answers a hundred refreshes at once, while something blocks it in bursts', async t =>
    refreshes(t, await farRedis(t), 100))
  test('answers with 503 when Redis is frozen, also while something blocks it in bursts', async t =>
    tellsThatItIsFrozen(t, await farRedis(t)))
})

describe('a process that is busy, with a Redis that is some milliseconds away and a client of ioredis', () => {
  test('answers none of the guarded requests that wait for Redis meanwhile with 503', async t =>
    waits(t, await farRedis(t, 'ioredis')))
  test('answers a hundred refreshes at once, while something blocks it in bursts', async t =>
    refreshes(t, await farRedis(t, 'ioredis'), 100))
  test('answers with 503 when Redis is frozen, also while something blocks it in bursts', async t =>
    tellsThatItIsFrozen(t, await farRedis(t, 'ioredis')))
})

describe('a process that is busy, with a PostgreSQL that is some milliseconds away', () => {
  test('answers none of the guarded requests that wait for PostgreSQL meanwhile with 503', async t =>
    waits(t, await farPostgres(t)))
  test('answers ten refreshes at once, one for each connection, while something blocks it in bursts', async t =>
    refreshes(t, await farPostgres(t), 10))
  test('answers with 503 when PostgreSQL is frozen, also while something blocks it in bursts', async t =>
    tellsThatItIsFrozen(t, await farPostgres(t)))
})

async function waits(t: TestContext, { authx, server }: Far): Promise<void> {
  const send = await served(t, authx, BUSY)
  const { access_token } = await loggedIn(authx)
  for (let round = 0; round < 5; round++) {
    const calls = Array.from({ length: 10 }, () => send({ headers: [bearer(access_token)] }))
    assert.deepEqual(statuses(await Promise.all(calls)), [200], `round ${round}`)
  }
  server.pause()
  const reply = await send({ headers: [bearer(access_token)] })
  assert.deepEqual([reply.status, reply.json.error_type], [503, 'StoreUnavailableError'])
}

async function refreshes(t: TestContext, { authx }: Far, count: number): Promise<void> {
  const send = await served(t, authx)
  await loggedIn(authx)
  const pairs = await Promise.all(Array.from({ length: count }, (_, n) => authx.createTokenPair(`user ${n}`)))
  const stop = blockInBursts(t, 60)
  const calls = pairs.map(pair =>
    send({ method: 'POST', path: '/refresh', headers: [bearer(String(pair.refresh_token))] }),
  )
  assert.deepEqual(statuses(await Promise.all(calls)), [200])
  stop()
}

async function tellsThatItIsFrozen(t: TestContext, { authx, server }: Far): Promise<void> {
  const send = await served(t, authx)
  const { access_token } = await loggedIn(authx)
  server.pause()
  blockInBursts(t, 40)
  const { status } = await send({ headers: [bearer(access_token)] })
  assert.equal(status, 503)
}

describe('a process that is busy, with something else to ask that is some milliseconds away', () => {
  const storeTimeout = 100

  test('hears what getKey is answered; a getKey that has no answer is 503', async t => {
    const service = await farService(t)
    const getKey = async () => {
      await service.ask()
      return TEST_SECRET
    }
    const authx = makeAuthX({ getKey, storeTimeout })
    const { access_token } = await authx.createTokenPair('ada')
    await hears(t, authx, String(access_token), service)
  })

  test('hears what its blocklist is answered; a blocklist that has no answer is 503', async t => {
    const service = await farService(t)
    const authx = makeAuthX({ storeTimeout })
    authx.setTokenBlocklist(() => service.ask().then(() => false))
    const { access_token } = await authx.createTokenPair('ada')
    await hears(t, authx, String(access_token), service)
  })

  test('hears what a limiter says; a limiter that has no answer is 503', async t => {
    const service = await farService(t)
    const authx = makeAuthX()
    const limited = rateLimited({ consume: () => service.ask() }, { timeout: storeTimeout })
    const arrived = busyAfter(1)
    const app = appOf(arrived, authx.middleware() as never, limited as never, ctx => {
      ctx.body = 'passed'
    })
    const send = await serve(t, app)
    assert.equal((await send()).status, 200)
    service.fallSilent()
    assert.equal((await send()).status, 503)
  })

  async function hears(
    t: TestContext,
    authx: AuthX,
    token: string,
    service: Awaited<ReturnType<typeof farService>>,
  ): Promise<void> {
    const guard = authx.accessTokenRequired()
    const app = appOf(busyAfter(1), authx.middleware() as never, guard as never, ctx => {
      ctx.body = 'passed'
    })
    const send = await serve(t, app)
    assert.equal((await send({ headers: [bearer(token)] })).status, 200)
    service.fallSilent()
    const { status, json } = await send({ headers: [bearer(token)] })
    assert.deepEqual([status, json.error_type], [503, 'CallbackUnavailableError'])
  }
})

/** Middleware that blocks the event loop when the last of so many requests has begun to wait for what its guard asks. */
function busyAfter(requests: number, milliseconds = BUSY) {
  let arrived = 0
  return async (_ctx: unknown, next: () => Promise<unknown>) => {
    if (++arrived % requests === 0) setImmediate(() => setImmediate(() => block(milliseconds)))
    await next()
  }
}

interface Far {
  authx: AuthX
  server: { port: number; pause(): void; stop(): Promise<void> }
}

async function farRedis(t: TestContext, kind: 'redis' | 'ioredis' = 'redis'): Promise<Far> {
  return far(t, await startRedis(), port => openShared({ kind, at: `redis://127.0.0.1:${port}` }))
}

async function farPostgres(t: TestContext): Promise<Far> {
  return far(t, await startPostgres(), port => new PostgresTokenStore(`postgres://postgres@127.0.0.1:${port}/postgres`))
}

async function far(t: TestContext, server: Far['server'], open: (port: number) => TokenStore): Promise<Far> {
  const proxy = await tcpProxy(server.port)
  proxy.delayReplies(6)
  const authx = makeAuthX({ store: open(proxy.port) })
  t.after(async () => {
    await authx.close()
    proxy.close()
    await server.stop()
  })
  return { authx, server }
}

/** Guarded, and with `busy` blocked for so long by each tenth request. */
function served(t: TestContext, authx: AuthX, busy?: number): Promise<Client> {
  const guard = authx.accessTokenRequired() as never as Parameters<typeof appOf>[0]
  const arrive = busy === undefined ? [] : [busyAfter(10, busy)]
  const app = appOf(...arrive, authx.middleware() as never, async (ctx, next) => {
    if (ctx.path === '/refresh') ctx.body = await authx.refresh(ctx)
    else await guard(ctx, next)
    ctx.body ??= 'passed'
  })
  return serve(t, app)
}

/** The first login waits for the connection. */
async function loggedIn(authx: AuthX): Promise<{ access_token: string }> {
  await until(() => authx.createTokenPair('ada'))
  return (await authx.createTokenPair('ada')) as { access_token: string }
}

function statuses(replies: readonly { status: number }[]): number[] {
  return [...new Set(replies.map(({ status }) => status))]
}
