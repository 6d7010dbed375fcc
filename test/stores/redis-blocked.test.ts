import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { RedisTokenStore } from '../../stores/redis.js'
import type { BlockedOrder, BlockedReport } from '../support/blocked-worker.js'
import { endOf, messageOf } from '../support/processes.js'
import { type RedisServer, startRedis } from '../support/redis.js'
import { type TcpProxy, tcpProxy } from '../support/tcp-proxy.js'
import { until } from '../support/until.js'

const WORKER = fileURLToPath(new URL('../support/blocked-worker.ts', import.meta.url))
const CLIENTS = [
  ['node-redis', 'redis'],
  ['ioredis', 'ioredis'],
] as const

for (const [client, kind] of CLIENTS) {
  describe(`a process whose event loop is blocked for seconds, with a Redis that is fine and ${client}`, () => {
    for (const turns of [0, 2, 6]) {
      test(`gets its answers after blocks of 1.5 s from its start on, ${turns} turns after a call`, async t => {
        const { proxy } = await farRedis(t)
        const outcomes = await blocked({ kind, url: proxy.url, milliseconds: 1500, when: 'at the start', turns })
        assert.deepEqual(new Set(outcomes), new Set(['answered']))
      })
    }

    test('gets its answers after blocks of 3 s, for calls under way and for those that come next', async t => {
      const { proxy } = await farRedis(t)
      const outcomes = await blocked({ kind, url: proxy.url, milliseconds: 3100, when: 'later', turns: 3 })
      assert.deepEqual(new Set(outcomes), new Set(['answered']))
    })

    test('keeps its connection', async t => {
      const { redis, proxy } = await farRedis(t)
      const before = await connectionsMade(redis)
      await blocked({ kind, url: proxy.url, milliseconds: 3100, when: 'later', turns: 3 })
      // One is of the question itself.
      assert.equal((await connectionsMade(redis)) - before - 1, 1)
    })
  })
}

describe('RedisTokenStore with a url and a connection that hangs', () => {
  test('gives up an attempt to connect that has no answer, for another one', async t => {
    const { redis } = await farRedis(t)
    const door = await firstConnectionsHang(t, redis, 1)
    const store = new RedisTokenStore(door.url)
    t.after(() => store.close())
    await assert.rejects(store.get(['key']), /Redis/)
    await until(async () => assert.deepEqual(await store.get(['key']), [undefined]))
    assert.equal(door.hanging.size, 0, 'the attempt that was given up is closed')
  })

  test('says that there is no connection, while attempts hang', async t => {
    const { redis } = await farRedis(t)
    const door = await firstConnectionsHang(t, redis, 1000)
    const store = new RedisTokenStore(door.url)
    t.after(() => store.close())
    await until(() => assert.rejects(store.get(['key']), /no connection within 2000 ms/))
  })

  test('closes an attempt to connect that is under way when it is closed', async t => {
    const { redis } = await farRedis(t)
    const door = await firstConnectionsHang(t, redis, 1000)
    const store = new RedisTokenStore(door.url)
    await until(() => door.hanging.size === 1)
    await store.close()
    await until(() => door.hanging.size === 0)
  })

  test('replaces a connection that carries nothing any more, though nobody calls', async t => {
    const { redis, proxy } = await farRedis(t)
    const store = new RedisTokenStore(proxy.url)
    t.after(() => store.close())
    await until(() => store.get(['key']))
    const before = await idOfStore(redis)
    proxy.blackhole()
    await until(async () => {
      const [first, ...more] = await idsOfStores(redis)
      assert.ok([first, ...more].some(id => id !== before))
    })
    // Redis knows of the connection before the store may use it.
    await until(async () => assert.deepEqual(await store.get(['key']), [undefined]))
  })

  test('keeps a connection that nobody uses', async t => {
    const { redis, proxy } = await farRedis(t)
    const store = new RedisTokenStore(proxy.url)
    t.after(() => store.close())
    await until(() => store.get(['key']))
    const before = await idOfStore(redis)
    // It has been tried at least twice.
    await until(async () => assert.ok(callsOf('ping', await redis.command('INFO', 'commandstats')) >= 3))
    assert.equal(await idOfStore(redis), before)
  })
})

async function blocked(order: BlockedOrder): Promise<BlockedReport> {
  const worker = fork(WORKER, [JSON.stringify(order)], { execArgv: ['--import', 'tsx'] })
  try {
    const ended = endOf(worker)
    const report = await messageOf(worker)
    await ended
    return report as BlockedReport
  } finally {
    worker.kill()
  }
}

/** A Redis some milliseconds away: its answers take turns of the event loop. */
async function farRedis(t: TestContext): Promise<{ redis: RedisServer; proxy: TcpProxy }> {
  const redis = await startRedis()
  const proxy = await tcpProxy(redis.port)
  proxy.delayReplies(6)
  t.after(async () => {
    proxy.close()
    await redis.stop()
  })
  return { redis, proxy }
}

interface Door {
  readonly url: string
  /** Connections that were taken and are not answered. */
  readonly hanging: ReadonlySet<Socket>
}

async function firstConnectionsHang(t: TestContext, redis: RedisServer, count: number): Promise<Door> {
  const hanging = new Set<Socket>()
  const all = new Set<Socket>()
  const server = createServer(socket => {
    const hangs = all.size < count
    all.add(socket.on('error', () => {}))
    if (hangs) hanging.add(socket.on('close', () => hanging.delete(socket)).resume())
    else socket.pipe(connect(redis.port, '127.0.0.1').on('error', () => {})).pipe(socket)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    for (const socket of all) socket.destroy()
    server.close()
  })
  const { port } = server.address() as { port: number }
  return { url: `redis://127.0.0.1:${port}`, hanging }
}

async function connectionsMade(redis: RedisServer): Promise<number> {
  return Number(/total_connections_received:(\d+)/.exec(await redis.command('INFO', 'stats'))?.[1])
}

async function idsOfStores(redis: RedisServer): Promise<string[]> {
  const list = await redis.command('CLIENT', 'LIST')
  return [...list.matchAll(/id=(\d+)[^\n]* cmd=(?!client)/g)].map(([, id]) => id as string)
}

async function idOfStore(redis: RedisServer): Promise<string> {
  const [id, ...more] = await idsOfStores(redis)
  assert.ok(id !== undefined && more.length === 0)
  return id
}

function callsOf(command: string, stats: string): number {
  return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1] ?? 0)
}
