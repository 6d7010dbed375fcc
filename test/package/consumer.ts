/** A user's program over every entry of the package: compiled against the packed one by several versions of TypeScript. */
import { test } from 'node:test'
import Router from '@koa/router'
import Koa from 'koa'
import {
  AuthManager,
  AuthX,
  AuthXError,
  type AuthXOptions,
  audit,
  InsufficientScopeError,
  PolicyEngine,
  ReusedTokenError,
  type RevokedTokenError,
  rateLimited,
  type Session,
  StoreUnavailableError,
  type TokenPayload,
  type TokenStore,
} from 'koa-authx'
import { AuthXClient } from 'koa-authx/client'
import { authRouter } from 'koa-authx/router'
import { KeyvTokenStore } from 'koa-authx/stores/keyv'
import { MemoryTokenStore } from 'koa-authx/stores/memory'
import { PostgresTokenStore } from 'koa-authx/stores/postgres'
import { RedisTokenStore } from 'koa-authx/stores/redis'
import { SqliteTokenStore } from 'koa-authx/stores/sqlite'
import { FaultyTokenStore, makeToken, TestClock, testTokenStore } from 'koa-authx/testing'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <A, B>(..._proof: Equal<A, B> extends true ? [] : [never]) => {}

interface User {
  name: string
}

const stores: TokenStore[] = [
  new MemoryTokenStore(),
  new SqliteTokenStore('tokens.sqlite', { prefix: 'app:' }),
  new RedisTokenStore('redis://127.0.0.1:6379', { timeout: 100 }),
  new RedisTokenStore({ url: 'redis://127.0.0.1:6379', password: 'secret' }),
  new PostgresTokenStore('postgres://127.0.0.1/app', { table: 'sessions', createTable: false }),
  new PostgresTokenStore({ host: '127.0.0.1', password: async () => 'secret', ssl: { rejectUnauthorized: true } }),
  new FaultyTokenStore(new MemoryTokenStore()),
]
export const keyvStore = (...given: ConstructorParameters<typeof KeyvTokenStore>) => new KeyvTokenStore(...given)
testTokenStore({ test, createStore: options => new MemoryTokenStore(options) })

const options: AuthXOptions = { store: stores[0], tokenLocation: { access: ['headers'], refresh: ['cookies'] } }
const authx = new AuthX<{ tenant: string }, User>(options)
// @ts-expect-error: no such option
new AuthX({ secret: 'a' })

const app = new Koa()
const router = new Router()
authx.setSubjectGetter(async sub => ({ name: sub }))

// A guard promises the token to the handler after it.
router.get('/', authx.accessTokenRequired(), ctx => {
  same<typeof ctx.state.token.sub, string>()
  same<typeof ctx.state.token.tenant, string>()
  // @ts-expect-error: no such claim
  ctx.body = ctx.state.token.role
  // @ts-expect-error: frozen
  ctx.state.token.sub = 'somebody else'
})
router.get('/me', authx.subjectRequired(), ctx => {
  same<typeof ctx.state.subject, User>()
  ctx.body = [ctx.state.subject.name, ctx.state.token.tenant]
})
router.get('/perhaps', authx.accessTokenRequired({ optional: true }), ctx => {
  same<typeof ctx.state.token, TokenPayload<{ tenant: string }> | undefined>()
  // @ts-expect-error: nobody may be there
  ctx.body = ctx.state.token.sub
})
router.get('/scoped', authx.scopesRequired('a'), authx.anyScopeRequired('b'), ctx => {
  ctx.body = ctx.state.token.scopes?.join(' ')
})
router.post('/login', async ctx => {
  same<Awaited<ReturnType<typeof authx.login>>['token_type'], 'bearer'>()
  ctx.body = await authx.login(ctx, 'test', { scopes: ['a'], data: { tenant: 'acme' } })
})
router.post('/refresh', async ctx => {
  ctx.body = await authx.refresh(ctx, { expiry: '5m' })
})
app.use(authx.middleware()).use(ctx => {
  // @ts-expect-error: nobody may be there
  ctx.body = ctx.state.token.sub
})
app.use(authx.accessTokenRequired()).use(ctx => {
  ctx.body = ctx.state.token.sub
})

// An error narrows to its class.
export function reasonOf(error: unknown): string {
  if (!(error instanceof AuthXError)) return 'not ours'
  same<typeof error.status, number>()
  if (error instanceof ReusedTokenError) same<typeof error, ReusedTokenError>()
  if (error instanceof InsufficientScopeError) return String(error.headers['WWW-Authenticate'])
  // @ts-expect-error: a number
  return error.status
}
export const outage: AuthXError = new StoreUnavailableError()
export const reuse: RevokedTokenError = new ReusedTokenError()

// What else there is.
app.use(authRouter(authx, { login: ({ username }) => (typeof username === 'string' ? username : undefined) }).routes())
app.use(rateLimited({ consume: async () => ({}) }))
audit(app)
export const manager = new AuthManager({ user: authx })
export const engine = new PolicyEngine()
export const clock = new TestClock()
export const token: string = makeToken(authx, { sub: 'test' })
export const sessions: Promise<Session[]> = authx.listSessions('test')

const client = new AuthXClient({ tokens: 'cookies', baseUrl: 'https://example.com' })
same<Promise<Response>, ReturnType<typeof client.fetch>>()
client.on('logout', ({ elsewhere, reason }) => same<[boolean, string | undefined], [typeof elsewhere, typeof reason]>())
