import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { AuthX, TokenStore } from '../../../src/index.js'
import { MemoryTokenStore } from '../../../stores/memory.js'
import { bearer, makeAuthX, TEST_NOW } from '../../support/app.js'
import { clientOf, type Effect, loginContents, verdictOfGuard } from './effect.js'

/** A store that takes its time; not for a verdict about speed, but so that a deadline of 1 ms passes first, also on a busy machine. */
class SlowStore implements TokenStore {
  readonly #store = new MemoryTokenStore()
  async get(keys: readonly string[]) {
    await sleep(1000)
    return this.#store.get(keys)
  }
  async compareAndSet(...args: Parameters<TokenStore['compareAndSet']>) {
    await sleep(1000)
    return this.#store.compareAndSet(...args)
  }
}

const store = () => new MemoryTokenStore()

async function loginAndRefreshTwice(authx: AuthX, t: TestContext): Promise<number> {
  const client = await clientOf(authx, t)
  const { json } = await client({ method: 'POST', path: '/login' })
  const refresh = () => client({ method: 'POST', path: '/refresh', headers: [bearer(String(json.refresh_token))] })
  await refresh()
  return (await refresh()).status
}

async function accessAfterLogout(authx: AuthX, t: TestContext): Promise<unknown> {
  const client = await clientOf(authx, t)
  const { json } = await client({ method: 'POST', path: '/login' })
  await client({ method: 'POST', path: '/logout', headers: [bearer(String(json.access_token))] })
  return verdictOfGuard(client, json.access_token)
}

async function deviceOfLogin(authx: AuthX, t: TestContext): Promise<unknown> {
  await (await clientOf(authx, t))({ method: 'POST', path: '/login', headers: [['User-Agent', 'TEST']] })
  return (await authx.listSessions('test'))[0]?.device
}

/** A store in which an instance without a login type has a session. */
const before = store()
const accessTokenFromBefore = makeAuthX({ store: before })
  .createTokenPair('test')
  .then(({ access_token }) => access_token)

/** A clock that a test moves by hand. */
const clock = { time: TEST_NOW }

async function movesLastActive(authx: AuthX, t: TestContext): Promise<boolean> {
  clock.time = TEST_NOW
  const client = await clientOf(authx, t)
  const { json } = await client({ method: 'POST', path: '/login' })
  clock.time += 120_000
  await client({ path: '/protected', headers: [bearer(String(json.access_token))] })
  // Nobody waits for the write, but this store has done it by the time that the call returns. It is shown a minute later.
  const active = clock.time
  clock.time += 60_000
  return (await authx.listSessions('test'))[0]?.lastActiveAt.getTime() === active
}

/** The status of a refresh whose first response was lost, a minute later. */
async function repeatRefreshAfterGrace(authx: AuthX, t: TestContext): Promise<number> {
  clock.time = TEST_NOW
  const client = await clientOf(authx, t)
  const { json } = await client({ method: 'POST', path: '/login' })
  const refresh = () => client({ method: 'POST', path: '/refresh', headers: [bearer(String(json.refresh_token))] })
  await refresh()
  clock.time += 60_000
  return (await refresh()).status
}

/** The statuses of three logins, and how many of their sessions live afterwards. */
async function threeLogins(authx: AuthX, t: TestContext): Promise<unknown> {
  const client = await clientOf(authx, t)
  const statuses: number[] = []
  for (let n = 0; n < 3; n++) statuses.push((await client({ method: 'POST', path: '/login' })).status)
  const live = (await authx.listSessions('test')).length
  await authx.revokeAllSessions('test')
  return [...statuses, live]
}

/** The options about sessions and their store. */
export const SESSION_EFFECTS = {
  store: {
    given: { store: store() },
    see: accessAfterLogout,
    without: 'good',
    with: 'RevokedTokenError',
  },
  storeTimeout: {
    base: { store: new SlowStore(), storeTimeout: 60_000 },
    given: { storeTimeout: 1 },
    see: async (authx, t) => (await (await clientOf(authx, t))({ method: 'POST', path: '/login' })).status,
    without: 200,
    with: 503,
  },
  refreshGracePeriod: {
    base: { store: store() },
    given: { refreshGracePeriod: 0 },
    see: loginAndRefreshTwice,
    without: 200,
    with: 401,
  },
  callbackTimeout: {
    base: { store: store() },
    given: { callbackTimeout: 1 },
    see: async (authx, t) => {
      authx.setSubjectGetter(() => new Promise(resolve => setTimeout(resolve, 1500, 'late')))
      return (await (await clientOf(authx, t))({ method: 'POST', path: '/login' })).status
    },
    without: 200,
    with: 503,
  },
  refreshRecovery: {
    base: { store: store(), now: () => clock.time },
    given: { refreshRecovery: 0 },
    see: repeatRefreshAfterGrace,
    without: 200,
    with: 401,
  },
  sessionExpires: {
    base: { store: store(), now: () => TEST_NOW },
    given: { store: store(), sessionExpires: '7d' },
    see: async (authx, t) => (await loginContents(authx, t)).refresh.claims.exp,
    without: TEST_NOW / 1000 + 20 * 86_400,
    with: TEST_NOW / 1000 + 7 * 86_400,
  },
  maxSessions: {
    base: { store: store() },
    given: { maxSessions: 2 },
    see: threeLogins,
    without: [200, 200, 200, 3],
    with: [200, 200, 200, 2],
  },
  tooManySessions: {
    base: { store: store(), maxSessions: 2 },
    given: { tooManySessions: 'refuse' },
    see: threeLogins,
    without: [200, 200, 200, 2],
    with: [200, 200, 403, 2],
  },
  storedLoginType: {
    base: { store: before, loginType: 'user' },
    given: { storedLoginType: false },
    see: async authx => {
      const { sid } = await makeAuthX({ store: before }).verifyToken(await accessTokenFromBefore)
      return authx.revokeSession(String(sid))
    },
    without: false,
    with: true,
  },
  accessTokenRevocation: {
    base: { store: store() },
    given: { accessTokenRevocation: false },
    see: accessAfterLogout,
    without: 'RevokedTokenError',
    with: 'good',
  },
  verifyCacheSize: {
    given: { verifyCacheSize: 0 },
    // What is remembered is the frozen payload itself.
    see: async authx => {
      const token = authx.createAccessToken('test')
      await authx.verifyToken(token)
      const second = await authx.verifyToken(token)
      return (await authx.verifyToken(token)) === second
    },
    without: true,
    with: false,
  },
  sessionTracking: {
    base: { store: store() },
    given: { store: store(), sessionTracking: true },
    see: deviceOfLogin,
    without: {},
    with: { userAgent: 'TEST', ip: '127.0.0.1' },
  },
  sessionUpdateLastActive: {
    base: { store: store(), sessionTracking: true, now: () => clock.time },
    given: { store: store(), sessionUpdateLastActive: false },
    see: movesLastActive,
    without: true,
    with: false,
  },
} satisfies Record<string, Effect>
