/** Compiled by `npm run types`, never run: what an application may write without a type of its own, and what it may not. */
import Router from '@koa/router'
import Koa from 'koa'
import { BurstyRateLimiter, RateLimiterMemory, RateLimiterUnion } from 'rate-limiter-flexible'
import { AuthX, type AuthXOptions, rateLimited, type Session, type TokenPayload } from '../../src/index.js'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <A, B>(..._proof: Equal<A, B> extends true ? [] : [never]) => {}

interface User {
  name: string
}

const options: AuthXOptions = {}
const authx = new AuthX(options)
const typed = new AuthX<{ role: string; teams: string[] }, User>(options)
const app = new Koa()
const router = new Router()

// The middleware goes into any app; what it found may be nothing.
app.use(authx.middleware())
app.use(authx.middleware()).use(ctx => {
  ctx.body = ctx.state.token?.sub
  // @ts-expect-error: nobody may be there
  ctx.body = ctx.state.token.sub
})

// After a guard there is a token, without annotation or augmentation.
router.get('/', authx.accessTokenRequired(), ctx => {
  ctx.body = ctx.state.token.sub.toUpperCase()
  same<typeof ctx.state.token.sub, string>()
  same<typeof ctx.state.token.exp, number>()
  same<typeof ctx.state.token.type, 'access' | 'refresh'>()
  same<typeof ctx.state.token.scopes, readonly string[] | undefined>()
})
router.get('/', authx.refreshTokenRequired(), ctx => {
  ctx.body = ctx.state.token.gen?.toFixed()
})
router.get('/', authx.freshTokenRequired({ locations: ['headers'] }), ctx => {
  ctx.body = ctx.state.token.fresh
})
router.get('/', authx.freshTokenRequired({ within: '5m', amr: ['otp'] }), async ctx => {
  same<typeof ctx.state.token.auth_time, number | undefined>()
  same<typeof ctx.state.token.amr, readonly string[] | undefined>()
  ctx.body = (await authx.reauthenticate(ctx, { amr: ['otp'] })).access_token
})
router.get('/', authx.freshTokenRequired({ within: 300, optional: true }), ctx => {
  // @ts-expect-error: nobody may be there
  ctx.body = ctx.state.token.auth_time
})
// @ts-expect-error: a list
authx.freshTokenRequired({ amr: 'otp' })
// @ts-expect-error: only freshTokenRequired has it
authx.accessTokenRequired({ within: '5m' })
authx.createTokenPair('test', { amr: ['pwd'] as const })
// @ts-expect-error: a list
authx.createTokenPair('test', { amr: 'pwd' })
router.get('/', authx.tokenRequired({ type: 'refresh', verifyCsrf: false }), ctx => {
  ctx.body = ctx.state.token.jti
})
router.get('/', authx.scopesRequired('a'), authx.anyScopeRequired('b', 'c'), ctx => {
  ctx.body = ctx.state.token.sub
})
app.use(authx.accessTokenRequired()).use(ctx => {
  ctx.body = ctx.state.token.sub
})

// An optional guard promises nothing.
router.get('/', authx.accessTokenRequired({ optional: true }), ctx => {
  same<typeof ctx.state.token, TokenPayload | undefined>()
  // @ts-expect-error: nobody may be there
  ctx.body = ctx.state.token.sub
})
router.get('/', authx.tokenRequired({ optional: true }), ctx => {
  // @ts-expect-error: nobody may be there
  ctx.body = ctx.state.token.sub
})

// Custom claims are typed, and as frozen as the rest.
router.get('/', typed.accessTokenRequired(), ctx => {
  same<typeof ctx.state.token.role, string>()
  same<typeof ctx.state.token.teams, readonly string[]>()
  // @ts-expect-error: no such claim
  ctx.body = ctx.state.token.rôle
  // @ts-expect-error: frozen
  ctx.state.token.sub = 'somebody else'
  // @ts-expect-error: frozen
  ctx.state.token.teams.push('admin')
})

// A subject is there after its guard, and the token still is.
typed.setSubjectGetter(sub => (sub === 'test' ? { name: 'Test' } : undefined))
typed.setSubjectGetter(async (_sub, ctx) => (ctx?.path === '/' ? { name: 'Test' } : undefined))
// @ts-expect-error: no User
typed.setSubjectGetter(() => ({ nickname: 'Test' }))
router.get('/', typed.accessTokenRequired(), typed.subjectRequired(), ctx => {
  same<typeof ctx.state.subject, User>()
  ctx.body = [ctx.state.subject.name, ctx.state.token.role]
})
router.get('/', typed.subjectRequired(), ctx => {
  ctx.body = [ctx.state.subject.name, ctx.state.token.sub]
})
// Without a guard there is neither.
new Router<{ token?: TokenPayload }>().get('/', ctx => {
  // @ts-expect-error: nobody may be there
  ctx.body = ctx.state.token.sub
})

// A rate limit, before or after a guard, leaves the types as they are.
const limiter = new RateLimiterMemory({ points: 1, duration: 1 })
router.get('/', rateLimited(limiter), typed.accessTokenRequired(), rateLimited(limiter, { key: 'subject' }), ctx => {
  same<typeof ctx.state.token.role, string>()
  // @ts-expect-error: no such claim
  ctx.body = ctx.state.token.rôle
})
router.get('/', typed.subjectRequired(), rateLimited(limiter), ctx => {
  ctx.body = [ctx.state.subject.name, ctx.state.token.role]
})
router.get('/', authx.accessTokenRequired({ optional: true }), rateLimited(limiter), ctx => {
  same<typeof ctx.state.token, TokenPayload | undefined>()
})
router.post('/', rateLimited(limiter, { key: ctx => String(ctx.params.name) }), ctx => {
  ctx.body = ctx.params.id
})
app
  .use(authx.middleware())
  .use(rateLimited(limiter, { key: async ctx => ctx.get('X-Api-Key'), timeout: 50 }))
  .use(ctx => {
    same<typeof ctx.state.token, TokenPayload | undefined>()
  })
rateLimited(new RateLimiterUnion(limiter, limiter))
rateLimited(new BurstyRateLimiter(limiter, limiter))
// @ts-expect-error: no limiter
rateLimited({ points: 1 })
// @ts-expect-error: no such key
rateLimited(limiter, { key: 'address' })
// @ts-expect-error: no string
rateLimited(limiter, { key: () => 5 })
// @ts-expect-error: no such option
rateLimited(limiter, { points: 5 })

// Flows take any Koa context, also that of a route behind a guard.
router.post('/', async ctx => {
  ctx.body = await authx.login(ctx, 'test', { scopes: ['a'], device: { name: 'phone' } })
  ctx.body = (await authx.refresh(ctx, { expiry: '5m' })).access_token?.length
  await authx.logout(ctx)
})
router.post('/', authx.refreshTokenRequired(), ctx => {
  ctx.body = authx.createAccessToken(ctx.state.token.sub, { sid: ctx.state.token.sid ?? 'none' })
  authx.setAccessCookies(ctx, authx.createAccessToken('test'))
  authx.unsetCookies(ctx)
})
app.use(async ctx => {
  ctx.body = await authx.login(ctx, 'test')
})

// What is wrong does not compile.
// @ts-expect-error: no such option
new AuthX({ secret: 'a' })
// @ts-expect-error: no such algorithm
new AuthX({ algorithm: 'none' })
// @ts-expect-error: no such location
new AuthX({ tokenLocation: ['header'] })
// @ts-expect-error: a store has two verbs
new AuthX({ store: { get: async () => [] } })
// @ts-expect-error: a subject is a string
authx.createAccessToken(5)
// @ts-expect-error: refresh tokens are never fresh
authx.createRefreshToken('test', { fresh: true })
// @ts-expect-error: no such option of a guard
authx.accessTokenRequired({ scopes: ['a'] })
// @ts-expect-error: no such type
authx.tokenRequired({ type: 'id' })
// @ts-expect-error: no such event
authx.on('login', () => {})

// Answers and events are typed.
authx.on('reuse', event => same<typeof event, { sid: string; sub: string }>())
authx.on('storeError', ({ error }) => same<typeof error.status, number>())
export const sessions: Promise<Session[]> = authx.listSessions('test')
authx.listSessions('test').then(({ incomplete }) => same<typeof incomplete, true | undefined>())
export const payload: Promise<TokenPayload<{ role: string; teams: string[] }>> = typed.verifyToken('a')
export const revoked: Promise<boolean> = authx.revokeSession('a', { sub: 'test' })
