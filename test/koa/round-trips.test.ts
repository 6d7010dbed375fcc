import assert from 'node:assert/strict'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import { appOf, bearer, makeAuthX, serve } from '../support/app.js'
import { startPostgres } from '../support/postgres.js'
import { startRedis } from '../support/redis.js'
import { openShared, type SharedBackend } from '../support/store-kinds.js'
import { until } from '../support/until.js'

interface Line {
  readonly port: number
  /** How often the client has spoken and then got an answer. */
  trips: number
}

/** Stands before the server on `port` and counts round trips. */
async function lineTo(t: TestContext, port: number): Promise<Line> {
  const sockets = new Set<Socket>()
  const server = createServer(client => {
    const upstream = connect(port, '127.0.0.1')
    let hasSpoken = false
    client.on('data', () => {
      hasSpoken = true
    })
    upstream.on('data', () => {
      if (hasSpoken) line.trips++
      hasSpoken = false
    })
    for (const each of [client, upstream]) sockets.add(each.on('error', () => {}))
    client.pipe(upstream).pipe(client)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const line = { port: (server.address() as AddressInfo).port, trips: 0 }
  return line
}

/** The round trips of one request of a route with three guards. Meanwhile a store may look after its connection. */
async function tripsOfARequest(t: TestContext, line: Line, backend: SharedBackend): Promise<number> {
  const store = openShared(backend, { timeout: 20_000 })
  const authx = makeAuthX({ store, storeTimeout: 20_000 })
  t.after(() => authx.close())
  const guards = [
    authx.middleware(),
    authx.accessTokenRequired(),
    authx.scopesRequired('a'),
    authx.freshTokenRequired(),
  ]
  const app = appOf(...guards, ctx => {
    ctx.body = 'in'
  })
  const client = await serve(t, app)
  await until(() => store.get(['connected']))
  const { access_token } = await authx.createTokenPair('ada', { fresh: true, scopes: ['a'] })
  let fewest = Number.POSITIVE_INFINITY
  for (let n = 0; n < 10; n++) {
    line.trips = 0
    assert.equal((await client({ headers: [bearer(access_token)] })).status, 200)
    fewest = Math.min(fewest, line.trips)
  }
  return fewest
}

describe('a guarded request', () => {
  test('is one round trip to Redis', async t => {
    const redis = await startRedis()
    t.after(() => redis.stop())
    const line = await lineTo(t, redis.port)
    assert.equal(await tripsOfARequest(t, line, { kind: 'redis', at: `redis://127.0.0.1:${line.port}` }), 1)
  })

  test('is one round trip to Redis with ioredis', async t => {
    const redis = await startRedis()
    t.after(() => redis.stop())
    const line = await lineTo(t, redis.port)
    assert.equal(await tripsOfARequest(t, line, { kind: 'ioredis', at: `redis://127.0.0.1:${line.port}` }), 1)
  })

  test('is one round trip to PostgreSQL', async t => {
    const postgres = await startPostgres()
    t.after(() => postgres.stop())
    const line = await lineTo(t, postgres.port)
    const at = postgres.url.replace(String(postgres.port), String(line.port))
    assert.equal(await tripsOfARequest(t, line, { kind: 'postgres', at }), 1)
  })
})
