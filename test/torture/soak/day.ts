/**
 * All that an application does with its store, once: `fork` the compiled file with the JSON of `DayOptions`. It sends
 * 'done', and has nothing to do from then on. Nothing ends it.
 */
import type { AddressInfo } from 'node:net'
import Router from '@koa/router'
import Keyv from 'keyv'
import { AuthX } from '../../../src/index.js'
import type { TokenStore } from '../../../src/store.js'
import { KeyvTokenStore } from '../../../stores/keyv.js'
import { MemoryTokenStore } from '../../../stores/memory.js'
import { PostgresTokenStore } from '../../../stores/postgres.js'
import { RedisTokenStore } from '../../../stores/redis.js'
import { SqliteTokenStore } from '../../../stores/sqlite.js'
import { appOf } from '../../support/app.js'
import { addLoginRoutes } from '../../support/login-routes.js'
import { Client } from '../fleet/client.js'
import { tokensIn } from '../fleet/visitor.js'

export interface DayOptions {
  /** `silent`: a store that never answers. */
  kind: 'memory' | 'keyv' | 'sqlite' | 'redis' | 'postgres' | 'silent'
  at: string
  /** Whether the store is released in the end. */
  closes?: boolean
}

/** Several days may be lived at one store at the same time. */
const SUB = `sub-${process.pid}`

const { kind, at, closes } = JSON.parse(process.argv[2] as string) as DayOptions

/** Milliseconds: enough for a store that opens its file or connection on a busy machine. */
const timeout = 5000

function open(): TokenStore {
  if (kind === 'memory') return new MemoryTokenStore()
  if (kind === 'keyv') return new KeyvTokenStore(new Keyv(), { timeout })
  if (kind === 'sqlite') return new SqliteTokenStore(at, { timeout })
  if (kind === 'redis') return new RedisTokenStore(at, { timeout })
  if (kind === 'postgres')
    return new PostgresTokenStore({ connectionString: at, allowExitOnIdle: !closes }, { timeout })
  const never = new Promise<never>(() => {})
  return { get: () => never, compareAndSet: () => never }
}

const authx = new AuthX({
  secretKey: 'secret of the torture suite: 0123456789',
  store: open(),
  sessionTracking: true,
  storeTimeout: kind === 'silent' ? 100 : timeout,
})
const app = appOf(authx.middleware()).use(addLoginRoutes(new Router(), authx).routes())
const server = app.listen(0, '127.0.0.1', work)

async function work(): Promise<void> {
  const client = new Client((server.address() as AddressInfo).port)
  const call = async (method: string, path: string, token: string | undefined, expected: number) => {
    const told = await client.call(method, path, { token })
    const status = kind === 'silent' ? 503 : expected
    if (told.status !== status) throw new Error(`${method} ${path} was answered with ${told.status}`)
    return tokensIn(told)
  }
  const given = await call('POST', `/login/${SUB}`, undefined, 200)
  const tokens = given ?? { access: authx.createAccessToken(SUB), refresh: authx.createRefreshToken(SUB) }
  await call('GET', '/protected', tokens.access, 200)
  const next = (await call('POST', '/refresh', tokens.refresh, 200)) ?? tokens
  await call('POST', '/logout', next.access, 204)
  const last = await authx.createTokenPair(SUB).catch(() => undefined)
  await authx.listSessions(SUB).catch(() => [])
  await authx.revokeAllSessions(SUB).catch(() => {})
  if (last) await call('GET', '/protected', last.access_token, 401)
  client.close()
  server.close()
  if (closes) await authx.close()
  process.send?.('done', () => process.disconnect())
}
