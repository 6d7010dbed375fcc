import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { join } from 'node:path'
import { after, before, describe, type TestContext, test } from 'node:test'
import { setImmediate, setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { WebSocket } from 'ws'
import {
  AuthX,
  type AuthXOptions,
  type ClosableSocket,
  type CloseWhenOverOptions,
  LoginTypeMismatchError,
  type TokenPayload,
} from '../../src/index.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { PostgresTokenStore } from '../../stores/postgres.js'
import { RedisTokenStore } from '../../stores/redis.js'
import { SqliteTokenStore } from '../../stores/sqlite.js'
import { startApi } from '../support/api.js'
import { TEST_SECRET as API_SECRET } from '../support/api-server.js'
import { appOf, bearer, makeAuthX, serve, TEST_NOW, warningsOf } from '../support/app.js'
import { block } from '../support/busy.js'
import { startPostgres } from '../support/postgres.js'
import { startRedis } from '../support/redis.js'
import { contentOf } from '../support/signing.js'
import { temporaryFolder } from '../support/temporary.js'
import { until } from '../support/until.js'
import { serveUpgrades } from '../support/upgrades.js'

/** Long enough for no question to be asked by itself while a test runs. */
const NEVER = '10h'

const REVOKED = [1008, 'RevokedTokenError']
const EXPIRED = [1008, 'TokenExpiredError']
const UNKNOWN = [1013, 'StoreUnavailableError']
const GOING_AWAY = [1001, '']

type Ending = readonly unknown[]

/** Somebody who is connected; `ending` is the code and the reason that the socket was closed with. */
interface Peer {
  readonly client: WebSocket
  /** The other end of it, at the server. */
  readonly socket: WebSocket
  readonly token: string
  readonly payload: TokenPayload
  ending(): Ending | undefined
  closed(): Promise<Ending>
}

/** A server that watches its sockets, and what connects to it. */
async function watching(t: TestContext, authx: AuthX, options: CloseWhenOverOptions = {}) {
  const payloads: TokenPayload[] = []
  const received: string[] = []
  const { url, sockets } = await serveUpgrades(t, authx, {
    serve: (socket, payload) => {
      payloads.push(payload)
      authx.closeWhenOver(socket, payload, options)
      socket.on('message', message => received.push(String(message)))
    },
  })
  const connect = async (token: string): Promise<Peer> => {
    const client = new WebSocket(url, ['authx', token])
    let ending: Ending | undefined
    client.once('close', (code, reason) => {
      ending = [code, String(reason)]
    })
    await once(client, 'open')
    t.after(() => client.terminate())
    const closed = async () => {
      await until(() => ending !== undefined)
      return ending as Ending
    }
    const [socket, payload] = [sockets.at(-1) as WebSocket, payloads.at(-1) as TokenPayload]
    return { client, socket, token, payload, ending: () => ending, closed }
  }
  const login = async (sub: string) => connect((await authx.createTokenPair(sub)).access_token)
  return { connect, login, received }
}

/** A message and its echo: whatever the server had sent before has arrived. */
async function isOpen({ client, socket }: Peer): Promise<boolean> {
  if (client.readyState !== WebSocket.OPEN || socket.readyState !== WebSocket.OPEN) return false
  const pong = once(client, 'pong')
  client.ping()
  await pong
  return client.readyState === WebSocket.OPEN && socket.readyState === WebSocket.OPEN
}

describe('a socket is closed at once when its login ends in this process', () => {
  const ENDINGS: Readonly<Record<string, (authx: AuthX, peer: Peer) => unknown>> = {
    'by its token': (authx, { token }) => authx.revoke(token),
    'by its payload': (authx, { payload }) => authx.revoke(payload),
    'by its sid': (authx, { payload }) => authx.revokeSession(String(payload.sid)),
    'by its subject': authx => authx.revokeAllSessions('ada'),
    'by its subject, but for another session': authx => authx.revokeAllSessions('ada', { except: 'another' }),
  }
  for (const [how, end] of Object.entries(ENDINGS)) {
    test(how, async t => {
      const authx = makeAuthX({ store: new MemoryTokenStore() })
      const { login } = await watching(t, authx, { within: NEVER })
      const [ada, bob] = [await login('ada'), await login('bob')]
      await end(authx, ada)
      assert.deepEqual(await ada.closed(), REVOKED)
      assert.equal(await isOpen(bob), true)
    })
  }

  test('by a logout, all its sockets and none of another session', async t => {
    const authx = makeAuthX({ store: new MemoryTokenStore() })
    const { login, connect } = await watching(t, authx, { within: NEVER })
    const [here, there] = [await login('ada'), await login('ada')]
    const again = await connect(here.token)
    const app = appOf(authx.middleware(), ctx => authx.logout(ctx))
    await (await serve(t, app))({ headers: [bearer(here.token)] })
    assert.deepEqual([await here.closed(), await again.closed()], [REVOKED, REVOKED])
    assert.equal(await isOpen(there), true)
    await authx.revokeAllSessions('ada', { except: String(there.payload.sid) })
    assert.equal(await isOpen(there), true)
  })

  test('by the reuse of its refresh token', async t => {
    const authx = makeAuthX({ store: new MemoryTokenStore(), refreshGracePeriod: 0 })
    const { connect } = await watching(t, authx, { within: NEVER })
    const { access_token, refresh_token } = await authx.createTokenPair('ada')
    const peer = await connect(access_token)
    const client = await serve(
      t,
      appOf(authx.middleware(), async ctx => {
        ctx.body = await authx.refresh(ctx)
      }),
    )
    assert.equal((await client({ headers: [bearer(refresh_token)] })).status, 200)
    assert.equal(await isOpen(peer), true)
    assert.equal((await client({ headers: [bearer(refresh_token)] })).json.error_type, 'ReusedTokenError')
    assert.deepEqual(await peer.closed(), REVOKED)
  })

  test('also if its token names no session', async t => {
    const authx = makeAuthX({ store: new MemoryTokenStore() })
    const { connect } = await watching(t, authx, { within: NEVER })
    const [one, other] = [authx.createAccessToken('ada'), authx.createAccessToken('ada')]
    const [first, second] = [await connect(one), await connect(other)]
    await authx.revoke(one)
    assert.deepEqual(await first.closed(), REVOKED)
    assert.equal(await isOpen(second), true)
    await authx.revokeAllSessions('ada')
    assert.deepEqual(await second.closed(), REVOKED)
  })

  test('also if that happened between its judgement and now', async t => {
    const authx = makeAuthX({ store: new MemoryTokenStore() })
    const { connect } = await watching(t, authx, { within: NEVER })
    const { access_token } = await authx.createTokenPair('ada')
    const judge = authx.authenticateUpgrade.bind(authx)
    authx.authenticateUpgrade = async (request, options) => {
      const payload = await judge(request, options)
      await authx.revoke(payload)
      return payload
    }
    assert.deepEqual(await (await connect(access_token)).closed(), REVOKED)
  })

  test('and not if the session of the same name is one of another login type', async t => {
    const store = new MemoryTokenStore()
    const [users, admins] = ['user', 'admin'].map(loginType => makeAuthX({ store, loginType })) as [AuthX, AuthX]
    const { login } = await watching(t, users, { within: NEVER })
    const peer = await login('ada')
    await admins.revokeAllSessions('ada')
    assert.equal(await isOpen(peer), true)
    await users.revokeAllSessions('ada')
    assert.deepEqual(await peer.closed(), REVOKED)
  })
})

describe('a socket is closed when its login ends in another process', () => {
  let folder: string
  let remove: () => Promise<void>
  before(async () => {
    ;({ folder, remove } = await temporaryFolder())
  })
  after(() => remove())

  test('that shares its SQLite file', async t => {
    const at = join(folder, 'tokens.sqlite')
    const api = await startApi({ backend: { kind: 'sqlite', at } })
    t.after(() => api.stop())
    await logoutElsewhere(t, api, new SqliteTokenStore(at))
  })

  test('that shares its Redis', async t => {
    const redis = await startRedis()
    t.after(() => redis.stop())
    const api = await startApi({ backend: { kind: 'redis', at: redis.url } })
    t.after(() => api.stop())
    await logoutElsewhere(t, api, new RedisTokenStore(redis.url))
  })

  test('that shares its PostgreSQL', async t => {
    const postgres = await startPostgres()
    t.after(() => postgres.stop())
    const api = await startApi({ backend: { kind: 'postgres', at: postgres.url } })
    t.after(() => api.stop())
    await logoutElsewhere(t, api, new PostgresTokenStore(postgres.url))
  })

  async function logoutElsewhere(
    t: TestContext,
    api: Awaited<ReturnType<typeof startApi>>,
    store: NonNullable<AuthXOptions['store']>,
  ): Promise<void> {
    const authx = new AuthX({ secretKey: API_SECRET, store })
    t.after(() => authx.close())
    const { connect } = await watching(t, authx, { within: 4 })
    let access = ''
    await until(async () => {
      const { status, body } = await api.call('POST', '/login/ada')
      assert.equal(status, 200)
      access = String(body.access_token)
    })
    const other = String((await api.call('POST', '/login/ada')).body.access_token)
    const [ada, elsewhere] = [await connect(access), await connect(other)]
    assert.equal((await api.call('POST', '/logout', access)).status, 204)
    assert.deepEqual(await ada.closed(), REVOKED)
    assert.equal(await isOpen(elsewhere), true)
    assert.equal((await api.call('POST', '/logout-everywhere', other)).status, 204)
    assert.deepEqual(await elsewhere.closed(), REVOKED)
  }

  test('or in another instance on the same store', async t => {
    const at = join(folder, 'two.sqlite')
    const [one, two] = [at, at].map(path => makeAuthX({ store: new SqliteTokenStore(path) })) as [AuthX, AuthX]
    t.after(() => Promise.all([one.close(), two.close()]))
    const { login } = await watching(t, one, { within: '2s' })
    const peer = await login('ada')
    await two.revokeSession(String(peer.payload.sid))
    assert.deepEqual(await peer.closed(), REVOKED)
  })
})

describe('a peer that does not answer the close', () => {
  test('is cut off: what it goes on sending is not delivered', async t => {
    const authx = makeAuthX({ store: new MemoryTokenStore() })
    const { login, received } = await watching(t, authx, { within: NEVER })
    const peer = await login('ada')
    const gone = once(peer.socket, 'close')
    peer.client.on('error', () => {})
    peer.client.pause()
    const sending = setInterval(() => peer.client.send('more'), 10)
    t.after(() => clearInterval(sending))
    await until(() => received.length > 0)
    await authx.revoke(peer.token)
    // By itself ws would wait for thirty seconds.
    await Promise.race([gone, sleep(10_000, undefined, { ref: false }).then(() => assert.fail('it is still there'))])
    const delivered = received.length
    await sleep(100)
    assert.equal(received.length, delivered)
  })

  test('has a second: one that does answer is not cut off', async t => {
    const authx = makeAuthX({ store: new MemoryTokenStore() })
    const { login } = await watching(t, authx, { within: NEVER })
    const peer = await login('ada')
    const terminate = t.mock.method(peer.socket, 'terminate')
    await authx.revoke(peer.token)
    assert.deepEqual(await peer.closed(), REVOKED)
    await sleep(1100)
    assert.equal(terminate.mock.callCount(), 0)
  })
})

describe('in a process that is busy for longer than an answer of the store holds', () => {
  test('sockets of logins that go on stay open, and those of logins that ended meanwhile are closed', async t => {
    const redis = await startRedis()
    t.after(() => redis.stop())
    const [here, there] = [redis, redis].map(({ url }) => makeAuthX({ store: new RedisTokenStore(url) })) as [
      AuthX,
      AuthX,
    ]
    t.after(() => Promise.all([here.close(), there.close()]))
    await until(() => here.createTokenPair('ada'))
    await until(() => there.createTokenPair('ada'))
    const { login } = await watching(t, here, { within: '2s' })
    const [ada, bob] = [await login('ada'), await login('bob')]
    for (let round = 0; round < 3; round++) {
      block(1500)
      await sleep(50)
      assert.equal(await isOpen(bob), true, `round ${round}`)
    }
    await there.revokeSession(String(ada.payload.sid))
    block(1500)
    assert.deepEqual(await ada.closed(), REVOKED)
    assert.equal(await isOpen(bob), true)
  })
})

describe('while the store does not answer', () => {
  test('sockets are closed when the time is over, not before, and asked to come again', async t => {
    const redis = await startRedis()
    t.after(() => redis.stop())
    const authx = makeAuthX({ store: new RedisTokenStore(redis.url) })
    t.after(() => authx.close())
    await until(() => authx.createTokenPair('ada'))
    const told: string[] = []
    const { login } = await watching(t, authx, { within: 6 })
    const peers: Peer[] = []
    for (let n = 0; n < 20; n++) await until(async () => peers.push(await login(`sub ${n}`)))
    authx.on('storeError', ({ operation }) => told.push(operation))

    redis.pause()
    await until(() => told.length > 0)
    for (const peer of peers) assert.equal(await isOpen(peer), true, 'one question without an answer is not enough')
    redis.resume()
    await until(() => authx.createTokenPair('ada'))
    await sleep(5100)
    for (const peer of peers) assert.equal(await isOpen(peer), true, 'the store has answered in time')

    told.length = 0
    redis.pause()
    const began = performance.now()
    for (const peer of peers) assert.deepEqual(await peer.closed(), UNKNOWN)
    const seconds = (performance.now() - began) / 1000
    assert.ok(told.length <= seconds + 1, `${told.length} events in ${seconds} s`)
    assert.deepEqual([...new Set(told)], ['watch'])
    redis.resume()
  })

  test('a thousand sockets tell of it once, and none of them is an unhandled rejection', async t => {
    const store = new MemoryTokenStore()
    const authx = makeAuthX({ store })
    const payload = await authx.verifyToken((await authx.createTokenPair('ada')).access_token)
    t.mock.method(store, 'get', () => Promise.reject(new Error('away')))
    const told: string[] = []
    authx.on('storeError', ({ operation }) => told.push(operation))
    const stops = Array.from({ length: 1000 }, () => authx.closeWhenOver(new Recorder(), payload))
    await setImmediate()
    assert.deepEqual(told, ['watch'])
    await authx.verifyToken(authx.createAccessToken('ada')).catch(() => {})
    await setImmediate()
    assert.deepEqual(told, ['watch', 'check'], 'a guard tells of it each time')
    for (const stop of stops) stop()
  })
})

describe('a thousand sockets of one token', () => {
  test('ask the store once when something happens to their subject, and are closed all if it was their end', async t => {
    const store = new MemoryTokenStore()
    const authx = makeAuthX({ store })
    t.after(() => authx.close())
    const pair = await authx.createTokenPair('ada')
    const other = await authx.createTokenPair('ada')
    const payload = await authx.verifyToken(pair.access_token)
    const sockets = Array.from({ length: 1000 }, () => new Recorder())
    for (const socket of sockets) authx.closeWhenOver(socket, payload, { within: NEVER })
    await setImmediate()
    const get = t.mock.method(store, 'get')
    await authx.revokeAllSessions('ada', { except: String(payload.sid) })
    await setImmediate()
    await authx.revoke(other.access_token)
    await authx.revokeAllSessions('ada')
    await until(() => sockets.every(({ endings }) => endings.length === 1))
    assert.deepEqual(new Set(sockets.flatMap(({ endings }) => endings.map(String))), new Set([String(REVOKED)]))
    assert.ok(get.mock.callCount() < 20, `${get.mock.callCount()} reads`)
  })
})

/** A socket that does nothing but remember. */
class Recorder extends EventEmitter implements ClosableSocket {
  readonly endings: Ending[] = []
  terminated = 0
  readyState = 1

  close(code: number, reason: string): void {
    this.endings.push([code, reason])
  }

  terminate(): void {
    this.terminated++
  }
}

describe('a socket is closed when its token expires', () => {
  const clock = { now: TEST_NOW }
  const authx = makeAuthX({ store: new MemoryTokenStore(), now: () => clock.now, decodeLeeway: 10 })
  const payloadOf = (options: Parameters<AuthX['createAccessToken']>[1]) =>
    authx.verifyToken(authx.createAccessToken('ada', options))

  test('on a real clock, too', async t => {
    const real = makeAuthX({ store: new MemoryTokenStore() })
    const { login } = await watching(t, real, { within: NEVER })
    const peer = await login('ada')
    // Its token may expire before the socket is there, if this machine is busy: it is watched for another one.
    const { exp } = contentOf(real.createAccessToken('ada', { expiry: 1 })).claims
    real.closeWhenOver(peer.socket, { ...peer.payload, exp: Number(exp) }, { within: NEVER })
    assert.deepEqual(await peer.closed(), EXPIRED)
    assert.ok(Date.now() >= Number(exp) * 1000)
  })

  test('and the leeway with it, on the clock of the instance', async t => {
    t.after(() => {
      clock.now = TEST_NOW
    })
    const payload = await payloadOf({ expiry: 60 })
    for (const [elapsed, expected] of [
      [0, []],
      [69_999, []],
      [70_000, [EXPIRED]],
      [1_000_000, [EXPIRED]],
    ] as const) {
      clock.now = TEST_NOW + elapsed
      const socket = new Recorder()
      const stop = authx.closeWhenOver(socket, payload, { within: NEVER })
      assert.deepEqual(socket.endings, expected, String(elapsed))
      stop()
    }
  })

  test('while it is watched, however the clock gets there', async t => {
    t.after(() => {
      clock.now = TEST_NOW
    })
    const socket = new Recorder()
    authx.closeWhenOver(socket, await payloadOf({ expiry: '30d' }), { within: 2 })
    await setImmediate()
    clock.now += 31 * 86_400_000
    await until(() => socket.endings.length > 0)
    assert.deepEqual(socket.endings, [EXPIRED])
  })

  test('and not at once if that is further away than a timer reaches', async () => {
    const [far, patient] = [new Recorder(), new Recorder()]
    const warnings = await warningsOf(async () => {
      const stops = [
        authx.closeWhenOver(far, await payloadOf({ expiry: '300d' })),
        authx.closeWhenOver(patient, await payloadOf({ expiry: '300d' }), { within: '200d' }),
      ]
      await sleep(30)
      for (const stop of stops) stop()
    })
    assert.deepEqual([far.endings, patient.endings, warnings], [[], [], []])
  })

  test('without a store nothing else ends it, but for the blocklist', async () => {
    const plain = makeAuthX()
    const payload = await plain.verifyToken(plain.createAccessToken('ada'))
    const socket = new Recorder()
    plain.closeWhenOver(socket, payload, { within: 2 })
    let asked = 0
    plain.setTokenBlocklist(({ jti }) => {
      asked++
      return asked > 1 && jti === payload.jti
    })
    await until(() => socket.endings.length > 0)
    assert.deepEqual([socket.endings, asked], [[REVOKED], 2])
    const expired = new Recorder()
    plain.closeWhenOver(expired, { ...payload, exp: 1 })
    assert.deepEqual(expired.endings, [EXPIRED])
  })

  test('and nothing else, where access tokens are good until they expire', async t => {
    const lenient = makeAuthX({ store: new MemoryTokenStore(), accessTokenRevocation: false })
    const { login } = await watching(t, lenient, { within: 2 })
    const peer = await login('ada')
    await lenient.revoke(peer.token)
    assert.equal((await lenient.verifyToken(peer.token)).sub, 'ada')
    assert.equal(await isOpen(peer), true)
  })
})

describe('watching ends', () => {
  /** A store that counts what it is asked. */
  class CountingStore extends MemoryTokenStore {
    gets = 0
    writes = 0

    override get(keys: readonly string[]) {
      this.gets++
      return super.get(keys)
    }

    override compareAndSet(...args: Parameters<MemoryTokenStore['compareAndSet']>) {
      this.writes++
      return super.compareAndSet(...args)
    }
  }

  /** Whether the store is asked about a socket when everything of its subject is revoked. */
  async function isWatched(authx: AuthX, store: CountingStore): Promise<boolean> {
    const before = store.gets
    await authx.revokeAllSessions('ada')
    await setImmediate()
    // One question belongs to the revocation.
    return store.gets - before > 1
  }

  async function watched(options: AuthXOptions = {}) {
    const store = new CountingStore()
    const authx = makeAuthX({ store, ...options })
    return { store, authx, payload: await authx.verifyToken(authx.createAccessToken('ada')) }
  }

  test('when the function is called that was returned, and again does no harm', async () => {
    const { store, authx, payload } = await watched()
    const socket = new Recorder()
    const stop = authx.closeWhenOver(socket, payload, { within: NEVER })
    assert.equal(socket.listenerCount('close'), 1)
    stop()
    stop()
    assert.equal(socket.listenerCount('close'), 0)
    await authx.revoke(payload)
    assert.equal(await isWatched(authx, store), false)
    assert.deepEqual(socket.endings, [])
  })

  for (const answer of ['good', 'revoked'] as const) {
    test(`with a question under way, too: that the login is ${answer} changes nothing any more`, async t => {
      const clock = { now: TEST_NOW }
      const { store, authx, payload } = await watched({ now: () => clock.now })
      if (answer === 'revoked') await authx.revoke(payload)
      const get = store.get.bind(store)
      let release = () => {}
      const held = new Promise<void>(resolve => {
        release = resolve
      })
      t.mock.method(store, 'get', (keys: readonly string[]) => held.then(() => get(keys)))
      const [socket, other] = [new Recorder(), new Recorder()]
      const stop = authx.closeWhenOver(socket, payload, { within: NEVER })
      authx.closeWhenOver(other, payload, { within: NEVER })
      stop()
      // Now it has expired besides, which whoever looks will notice.
      if (answer === 'good') clock.now += 86_400_000
      release()
      await until(() => other.endings.length > 0)
      assert.deepEqual(other.endings, [answer === 'good' ? EXPIRED : REVOKED])
      assert.deepEqual(socket.endings, [])
    })
  }

  test('when the socket closes, or has closed before', async () => {
    const { store, authx, payload } = await watched()
    const [open, closed] = [new Recorder(), new Recorder()]
    closed.readyState = 3
    authx.closeWhenOver(open, payload, { within: NEVER })
    authx.closeWhenOver(closed, payload, { within: NEVER })()
    assert.equal(await isWatched(authx, store), true)
    const { store: fresh, authx: other, payload: another } = await watched()
    other.closeWhenOver(open, another, { within: NEVER })
    open.emit('close')
    assert.equal(await isWatched(other, fresh), false)
    other.closeWhenOver(closed, { ...another, exp: 1 })
    assert.deepEqual(closed.endings, [])
    assert.deepEqual([open.listenerCount('close'), closed.listenerCount('close')], [0, 0])
  })

  test('so that a socket can be watched anew for each token that it is renewed with', async () => {
    const { authx, payload } = await watched()
    const socket = new Recorder()
    for (let n = 0; n < 50; n++) authx.closeWhenOver(socket, payload, { within: NEVER })()
    assert.equal(socket.listenerCount('close'), 0)
    authx.closeWhenOver(socket, payload, { within: NEVER })
    await authx.revoke(payload)
    await until(() => socket.endings.length > 0)
    assert.deepEqual(socket.endings, [REVOKED])
  })

  test('when the instance is closed: sockets go with it, and new ones are not watched', async () => {
    const { authx, payload } = await watched()
    const [one, other, late] = [new Recorder(), new Recorder(), new Recorder()]
    authx.closeWhenOver(one, payload)
    const stop = authx.closeWhenOver(other, payload)
    stop()
    await authx.close()
    assert.deepEqual([one.endings, other.endings], [[GOING_AWAY], []])
    authx.closeWhenOver(late, payload)
    assert.deepEqual(late.endings, [GOING_AWAY])
    await until(() => one.terminated === 1)
  })

  test('with one close, whatever comes after it', async () => {
    const { authx, payload } = await watched()
    const socket = new Recorder()
    authx.closeWhenOver(socket, payload)
    const { length } = await Promise.all([authx.revoke(payload), authx.revokeAllSessions('ada')])
    assert.equal(length, 2)
    await until(() => socket.endings.length > 0)
    await authx.close()
    await until(() => socket.terminated > 0)
    assert.deepEqual([socket.endings, socket.terminated], [[REVOKED], 1])
  })

  test('with a process that has nothing else to do', async () => {
    const program = fileURLToPath(new URL('../support/watching-process.ts', import.meta.url))
    const child = fork(program, { execArgv: ['--import', 'tsx'], stdio: 'inherit' })
    const timer = setTimeout(() => child.kill('SIGKILL'), 60_000)
    const [code, signal] = await once(child, 'exit')
    clearTimeout(timer)
    assert.deepEqual([code, signal], [0, null])
  })

  test('and is no activity of the session while it lasts', async () => {
    const clock = { now: TEST_NOW }
    const { store, authx } = await watched({ sessionTracking: true, now: () => clock.now })
    const { access_token } = await authx.createTokenPair('ada')
    const payload = await authx.verifyToken(access_token)
    clock.now += 5 * 60_000
    const { gets, writes } = store
    const stop = authx.closeWhenOver(new Recorder(), payload)
    await until(() => store.gets > gets)
    await setImmediate()
    assert.equal(store.writes, writes)
    await authx.verifyToken(access_token)
    await until(() => store.writes > writes)
    stop()
  })
})

describe('a socket of another make', () => {
  const authx = makeAuthX({ store: new MemoryTokenStore() })

  test('need not have terminate, and is cut if it cannot close', async () => {
    class Bare extends EventEmitter {
      closed = 0
      close(): void {
        this.closed++
      }
    }
    class Broken extends Recorder {
      override close(): never {
        throw new Error('not now')
      }
    }
    const [bare, broken] = [new Bare(), new Broken()]
    const payload = await authx.verifyToken(authx.createAccessToken('ada'))
    for (const socket of [bare, broken]) authx.closeWhenOver(socket, payload)
    await authx.revoke(payload)
    await until(() => bare.closed === 1 && broken.terminated >= 1)
    await sleep(1100)
  })

  test('is a TypeError if it is none, like everything else that is wrong', async () => {
    const payload = await authx.verifyToken(authx.createAccessToken('ada'))
    const good = new Recorder()
    const wrong: readonly [socket: unknown, payload: unknown, options: unknown, message: RegExp][] = [
      [undefined, payload, {}, /WebSocket/],
      [{}, payload, {}, /WebSocket/],
      [{ close() {} }, payload, {}, /WebSocket/],
      [payload, good, {}, /WebSocket/],
      [good, undefined, {}, /payload/],
      [good, authx.createAccessToken('ada'), {}, /payload/],
      [good, {}, {}, /payload/],
      [good, payload, { within: 1.9 }, /^within .* 2 seconds/],
      [good, payload, { within: 0 }, /^within /],
      [good, payload, { within: -5 }, /^within /],
      [good, payload, { within: Number.NaN }, /^within /],
      [good, payload, { within: 'soon' }, /^within /],
      [good, payload, { within: null }, /^within /],
      [good, payload, { Within: 5 }, /^closeWhenOver: unknown option "Within"; it takes within$/],
    ]
    for (const [socket, given, options, message] of wrong) {
      assert.throws(() => authx.closeWhenOver(socket as never, given as never, options as never), {
        name: 'TypeError',
        message,
      })
    }
    const slow = makeAuthX({ store: new MemoryTokenStore(), storeTimeout: 5000 })
    assert.throws(() => slow.closeWhenOver(good, payload), /^TypeError: within .* 16 seconds/)
    slow.closeWhenOver(good, payload, { within: 16 })()
    assert.deepEqual([good.endings, good.listenerCount('close')], [[], 0])
  })

  test('of another login type is not watched by this instance', async () => {
    const admins = makeAuthX({ store: new MemoryTokenStore(), loginType: 'admin' })
    const payload = await authx.verifyToken(authx.createAccessToken('ada'))
    assert.throws(() => admins.closeWhenOver(new Recorder(), payload), LoginTypeMismatchError)
  })
})
