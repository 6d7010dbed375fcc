import assert from 'node:assert/strict'
import { after, describe, type TestContext, test } from 'node:test'
import { createCluster, createSentinel } from '@keyv/redis'
import { Cluster, Redis } from 'ioredis'
import { Cluster as Cluster5, Redis as Redis5 } from 'ioredis-5'
import { AuthX, type StoreUnavailableError } from '../../src/index.js'
import { type RedisClient, type RedisClientOptions, RedisTokenStore } from '../../stores/redis.js'
import { refusalOf } from '../../stores/redis-refusal.js'
import { blocksOf, readPage } from '../support/markdown.js'
import { ask, type RedisServer, startRedis } from '../support/redis.js'
import { startCluster } from '../support/redis-cluster.js'
import { startSentinels } from '../support/redis-sentinel.js'
import { until } from '../support/until.js'

const soon = () => new Date(Date.now() + 60_000)
const timeout = 5000
/** The rules that the page about stores shows: for every Redis, for a Cluster besides, and for sentinels. */
const [FOR_ALL, FOR_CLUSTER, FOR_SENTINELS] = rulesOf(readPage('docs/stores.md')) as [string[], string[], string[]]
const LOGIN = { username: 'authx', password: 'a-long-password' }

const redis = await startRedis()
after(() => redis.stop())

describe('the ACL rules that the page about stores shows', () => {
  test('suffice for one Redis', async t => {
    await allow([redis], FOR_ALL)
    const store = await opened(t)
    await works(store)
    await redis.command('SCRIPT', 'FLUSH')
    await works(store)
    assert.deepEqual(await refusals(redis), [])
  })

  test('suffice for a Cluster, with replicas that are asked too, and for its failover', async t => {
    const cluster = await startCluster()
    t.after(() => cluster.stop())
    await allow(cluster.nodes, [...FOR_ALL, ...FOR_CLUSTER])
    const rootNodes = cluster.nodes.map(({ url }) => ({ url }))
    const client = createCluster({ rootNodes, defaults: LOGIN, useReplicas: true })
    const store = await given(t, client)
    await works(store)
    const first = (await cluster.masterOf('authx:key')) as RedisServer
    await store.compareAndSet('key', undefined, 'a', soon())
    await (await cluster.replicaOf(first)).command('CLUSTER', 'FAILOVER')
    await cluster.replaced('authx:key', first)
    await works(store)
    await Promise.all(Array.from({ length: 20 }, (_, n) => store.get([`key ${n}`, 'key'])))
    for (const node of cluster.nodes) assert.deepEqual(await refusals(node), [])
  })

  test('suffice behind sentinels', async t => {
    const sentinels = await startSentinels()
    await allow(sentinels.nodes, FOR_ALL)
    const { sentinelRootNodes } = sentinels.client
    for (const { port } of sentinelRootNodes) {
      assert.match(await ask(port, ['ACL', 'SETUSER', ...userWith(FOR_SENTINELS)]), /OK/)
    }
    const logins = { nodeClientOptions: LOGIN, sentinelClientOptions: LOGIN }
    const store = await given(t, createSentinel({ ...sentinels.client, ...logins }))
    // After the client, which would go on looking for them.
    t.after(() => sentinels.stop())
    await works(store)
    for (const node of sentinels.nodes) assert.deepEqual(await refusals(node), [])
  })
})

describe('with ioredis, the ACL rules and those that the page adds', () => {
  // The types of the two versions cannot be joined.
  const five = { Redis: Redis5, Cluster: Cluster5 } as unknown as { Redis: typeof Redis; Cluster: typeof Cluster }
  const OF_IOREDIS = { 'ioredis 6': { Redis, Cluster }, 'ioredis 5': five }
  for (const [version, { Redis: Client, Cluster: ClusterClient }] of Object.entries(OF_IOREDIS)) {
    test(`suffice for one Redis, with ${version}`, async t => {
      assert.ok(readPage('docs/stores.md').includes('`+info`'))
      await allow([redis], [...FOR_ALL, '+info'])
      const store = givenIoRedis(t, new Client(redis.url, LOGIN))
      await works(store)
      assert.deepEqual(await refusals(redis), [])
    })

    test(`suffice for a Cluster, with ${version}`, async t => {
      assert.ok(readPage('docs/stores.md').includes('`+cluster|info`'))
      const cluster = await startCluster()
      t.after(() => cluster.stop())
      await allow(cluster.nodes, [...FOR_ALL, ...FOR_CLUSTER, '+info', '+cluster|info', '+client|setname'])
      const addresses = cluster.nodes.map(({ port }) => ({ host: '127.0.0.1', port }))
      const client = new ClusterClient(addresses, { redisOptions: LOGIN, scaleReads: 'slave' })
      await works(givenIoRedis(t, client))
      for (const node of cluster.nodes) assert.deepEqual(await refusals(node), [])
    })

    test(`suffice behind sentinels, with ${version}`, async t => {
      const sentinels = await startSentinels()
      t.after(() => sentinels.stop())
      await allow(sentinels.nodes, [...FOR_ALL, '+info'])
      const rules = ['&*', '+sentinel|get-master-addr-by-name', '+sentinel|sentinels', '+subscribe']
      const { name, sentinelRootNodes } = sentinels.client
      for (const { port } of sentinelRootNodes) {
        assert.match(await ask(port, ['ACL', 'SETUSER', ...userWith(rules)]), /OK/)
      }
      for (const rule of rules.slice(1)) assert.ok(readPage('docs/stores.md').includes(`\`${rule}\``))
      const login = { ...LOGIN, sentinelUsername: LOGIN.username, sentinelPassword: LOGIN.password }
      const client = new Client({ ...login, name, sentinels: sentinelRootNodes, failoverDetector: true })
      await works(givenIoRedis(t, client))
      for (const node of sentinels.nodes) assert.deepEqual(await refusals(node), [])
      client.disconnect()
    })
  }
})

describe('a rule that is missing is named, and what to add', () => {
  const MISSING: readonly (readonly [change: readonly string[], message: RegExp])[] = [
    [['-get'], /NOPERM: the user may not run 'get'; add \+get to its ACL rules/],
    [['-evalsha'], /NOPERM: the user may not run 'evalsha'; add \+evalsha to its ACL rules/],
    [['-eval'], /NOPERM: the user may not run 'eval'; add \+eval to its ACL rules/],
    [['-time'], /NOPERM: .*add .*\+time/],
    [['-set'], /NOPERM: .*add .*\+set/],
    [['resetkeys'], /NOPERM: the user may not read and write keys that begin with 'authx:'; add ~authx:\* to its/],
    [['resetkeys', '~other:*'], /NOPERM: .*add ~authx:\* to its ACL rules/],
    [['resetkeys', '%R~authx:*'], /NOPERM: .*add ~authx:\* to its ACL rules/],
  ]
  for (const [change, message] of MISSING) {
    test(`${change.join(' ')}: ${message.source}`, async t => {
      await allow([redis], FOR_ALL)
      await redis.command('ACL', 'SETUSER', 'authx', ...change)
      await redis.command('SCRIPT', 'FLUSH')
      const store = await opened(t)
      const outcomes = await Promise.allSettled([
        store.get(['secret-key']),
        store.compareAndSet('secret-key', undefined, 'secret-value', soon()),
      ])
      const said = outcomes.flatMap(outcome => (outcome.status === 'rejected' ? [String(outcome.reason)] : []))
      assert.ok(
        said.some(each => message.test(each)),
        said.join('\n'),
      )
      for (const each of said) {
        assert.match(each, /The ACL rules that the store needs: ~authx:\* \+get \+set \+eval \+evalsha \+time$/)
        assert.doesNotMatch(each, /secret|127\.0\.0\.1|a-long-password/)
      }
    })
  }

  test('with the prefix of the store', async t => {
    await allow([redis], FOR_ALL)
    const store = await opened(t, { prefix: 'shop-1:' })
    await assert.rejects(store.get(['key']), /keys that begin with 'shop-1:'; add ~shop-1:\* to its ACL rules/)
  })

  test('where it keeps the store from connecting', async t => {
    await allow([redis], FOR_ALL)
    const { username, password } = LOGIN
    const store = new RedisTokenStore({ url: redis.url, username, password, database: 3 }, { timeout })
    t.after(() => store.close())
    await until(() =>
      assert.rejects(store.get(['key']), /cannot be reached.*may not run 'select'; add \+select to its ACL/),
    )
  })

  const CACHING = { RESP: 3, clientSideCache: { ttl: 0, maxEntries: 10, evictPolicy: 'LRU' } } as const
  const OF_OPTIONS: readonly (readonly [option: string, options: RedisClientOptions, rule: string])[] = [
    ['database', { database: 3 }, '+select'],
    ['name', { name: 'authx' }, '+client|setname'],
    ['clientSideCache', CACHING, '+client|tracking'],
    ['emitInvalidate', { RESP: 3, emitInvalidate: true }, '+client|tracking'],
  ]
  for (const [option, options, rule] of OF_OPTIONS) {
    test(`of the option ${option}: ${rule}, which the page names and which suffices`, async t => {
      await allow([redis], FOR_ALL)
      const open = () => {
        const store = new RedisTokenStore({ url: redis.url, ...LOGIN, ...options }, { timeout })
        t.after(() => store.close())
        return store
      }
      const refused = open()
      const named = (error: Error) => error.message.includes(`add ${rule} to its ACL rules`)
      await until(() => assert.rejects(refused.get(['key']), named))
      assert.ok(readPage('docs/stores.md').includes(`\`${rule}\``))
      await allow([redis], [...FOR_ALL, rule])
      await works(open())
      assert.deepEqual(await refusals(redis), [])
    })
  }

  test('in the cause of the event storeError and of the 503', async t => {
    await allow([redis], FOR_ALL)
    await redis.command('ACL', 'SETUSER', 'authx', '-evalsha')
    const authx = new AuthX({ secretKey: 'for tests only, 32 bytes or more', store: await opened(t) })
    const told: StoreUnavailableError[] = []
    authx.on('storeError', ({ error }) => void told.push(error))
    await assert.rejects(authx.createTokenPair('user'), { name: 'StoreUnavailableError', status: 503 })
    await until(() => told.length > 0)
    assert.match(String(told[0]?.cause), /may not run 'evalsha'; add \+evalsha/)
    assert.ok((await refusals(redis)).includes('evalsha'))
  })

  /** Versions of Redis and Valkey say it in different words. */
  const WORDS: readonly (readonly [message: string, said: RegExp])[] = [
    ["NOPERM this user has no permissions to run the 'get' command or its subcommand", /'get'; add \+get /],
    ["NOPERM this user has no permissions to run the 'client|setname' command", /'client\|setname'/],
    ["NOPERM User app has no permissions to run the 'evalsha' command", /'evalsha'; add \+evalsha /],
    ["NOPERM ACL failure in script: User app has no permissions to run the 'time' command script: ab", /'time'/],
    ['NOPERM this user has no permissions to access one of the keys used as arguments', /~authx:\*/],
    ['NOPERM No permissions to access a key', /~authx:\*/],
    ['NOPERM ACL failure in script: No permissions to access a key script: ab, on @user_script:1.', /~authx:\*/],
    ["ERR The user executing the script can't run this command or subcommand script: ab", /\+time \+get \+set /],
    [
      "ERR Error running script (call to f_ab): @user_script:3: -NOPERM The user executing the script can't run this command or subcommand",
      /\+time \+get \+set /,
    ],
    ["ERR The user executing the script can't access at least one of the keys mentioned", /~authx:\*/],
  ]
  for (const [message, said] of WORDS) {
    test(`where Redis says: ${message}`, () => {
      assert.match(String(refusalOf(new Error(message), 'authx:')), said)
      assert.match(String(refusalOf(new Error(message), 'authx:')), /^NOPERM: /)
    })
  }

  test('and so is a command that Redis does not know, without its arguments', async t => {
    const said = (message: string) => refusalOf(new Error(message), 'a:')
    const unknown = "ERR: it does not know the command 'eval'"
    assert.equal(said("ERR unknown command 'EVAL', with args beginning with: 'secret' "), unknown)
    assert.equal(said('ERR unknown command `EVAL`, with args beginning with: `secret`, '), unknown)
    assert.equal(said("ERR Unknown subcommand or wrong number of arguments for 'eval'. Try CLIENT HELP"), unknown)
    await allow([redis], FOR_ALL)
    const options = { url: redis.url, ...LOGIN, RESP: 3, maintNotifications: 'enabled' } as const
    const store = new RedisTokenStore(options, { timeout })
    t.after(() => store.close())
    await until(() => assert.rejects(store.get(['key']), /does not know the command 'maint_notifications'/))
  })

  test('and other refusals keep their word', () => {
    assert.equal(refusalOf(new Error('READONLY You can not write against a read only replica.'), 'a:'), 'READONLY')
    assert.equal(refusalOf(new Error('NOPERM something new about keyboards'), 'a:'), 'NOPERM')
    assert.equal(refusalOf(new Error('Socket closed unexpectedly'), 'a:'), undefined)
    assert.equal(refusalOf('text', 'a:'), undefined)
  })
})

function rulesOf(page: string): string[][] {
  const lines = blocksOf(page).flatMap(({ code }) => code.split('\n'))
  const users = lines.filter(line => line.startsWith('ACL SETUSER '))
  assert.equal(users.length, 3)
  return users.map(line => line.split(' ').filter(word => /^[+~&]/.test(word)))
}

/** The words after ACL SETUSER for the user that has these rules, and no other. */
const userWith = (rules: readonly string[]) => [LOGIN.username, 'reset', 'on', `>${LOGIN.password}`, ...rules]

async function allow(nodes: readonly RedisServer[], rules: readonly string[]): Promise<void> {
  for (const node of nodes) {
    assert.match(await node.command('ACL', 'SETUSER', ...userWith(rules)), /OK/)
    await node.command('ACL', 'LOG', 'RESET')
  }
}

async function opened(t: TestContext, options: { prefix?: string } = {}): Promise<RedisTokenStore> {
  const store = new RedisTokenStore({ url: redis.url, ...LOGIN }, { timeout, ...options })
  t.after(() => store.close())
  return store
}

/** `client`: the types of the clients are so large that the compiler takes a minute to compare them. */
async function given(t: TestContext, client: unknown): Promise<RedisTokenStore> {
  const connected = client as RedisClient
  connected.on('error', () => {})
  await connected.connect()
  t.after(() => connected.destroy())
  return new RedisTokenStore(connected, { timeout })
}

function givenIoRedis(t: TestContext, client: Redis | Cluster): RedisTokenStore {
  void client.on('error', () => {})
  t.after(() => client.disconnect())
  return new RedisTokenStore(client, { timeout })
}

async function works(store: RedisTokenStore): Promise<void> {
  const keys = Array.from({ length: 20 }, () => `key:${Math.random()}`)
  for (const key of keys) await until(() => store.compareAndSet(key, undefined, 'a', soon()))
  for (const key of keys) assert.equal(await store.compareAndSet(key, 'a', 'b', soon()), true)
  assert.deepEqual(new Set(await store.get(keys)), new Set(['b']))
}

/** The commands and keys that were refused, from the log of the server, but for what node-redis does without. */
async function refusals(node: RedisServer): Promise<string[]> {
  const log = await node.command('ACL', 'LOG')
  return [...log.matchAll(/\r\nobject\r\n\$\d+\r\n([^\r]+)\r\n/g)]
    .map(([, object]) => object as string)
    .filter(object => !/^client(\|setinfo)?$/.test(object))
}
