/** Events and metrics of logins: an audit log on stdout, and counters at /metrics. */
import { randomBytes } from 'node:crypto'
import { tracingChannel } from 'node:diagnostics_channel'
import Router from '@koa/router'
import Koa from 'koa'
import { AuthX, type StoreTrace, type VerifyTrace } from 'koa-authx'
import { MemoryTokenStore } from 'koa-authx/stores/memory'
import { koaBody } from 'koa-body'
import { checkPassword } from './check-password.js'

const { HOST = '127.0.0.1', PORT = '8000', JWT_SECRET_KEY } = process.env

const authx = new AuthX({
  secretKey: JWT_SECRET_KEY ?? randomBytes(32).toString('hex'),
  store: new MemoryTokenStore(),
})

// Events contain ids only, no tokens or secrets.
const audit = (event: string, about: object) => console.log(JSON.stringify({ event, ...about }))
authx.on('issued', about => audit('login', about))
authx.on('revoked', about => audit('logout', about))
authx.on('reuse', about => audit('a refresh token was reused', about))
authx.on('replayed', ({ replays, ...about }) => {
  if (replays > 3) audit('a refresh token is used by two clients', about)
})
authx.on('storeError', ({ operation, error }) =>
  audit('the store does not answer', { operation, cause: String(error.cause) }),
)

const figures = new Map<string, number>()
const add = (figure: string, amount: number) => figures.set(figure, (figures.get(figure) ?? 0) + amount)

tracingChannel<unknown, VerifyTrace>('koa-authx:verify').asyncEnd.subscribe(message => {
  const { error } = message as VerifyTrace
  add(`verified{outcome="${error instanceof Error ? error.name : 'valid'}"}`, 1)
})

// One trace object is used from start to end, so it can be the key for the start time.
const began = new WeakMap<object, number>()
const store = tracingChannel<unknown, StoreTrace>('koa-authx:store')
store.start.subscribe(trace => void began.set(trace as StoreTrace, performance.now()))
store.asyncEnd.subscribe(message => {
  const trace = message as StoreTrace
  add(`store_milliseconds{operation="${trace.operation}"}`, performance.now() - (began.get(trace) ?? Number.NaN))
})

const router = new Router()

router.post('/login', koaBody(), async ctx => {
  ctx.body = await authx.login(ctx, checkPassword(ctx))
})
router.post('/refresh', async ctx => {
  ctx.body = await authx.refresh(ctx)
})
router.post('/logout', async ctx => {
  await authx.logout(ctx)
  ctx.status = 204
})
router.get('/protected', authx.accessTokenRequired(), ctx => {
  ctx.body = { message: 'You have access' }
})
router.get('/metrics', ctx => {
  ctx.body = [...figures].map(([figure, value]) => `${figure} ${value}\n`).join('')
})

const app = new Koa().use(authx.middleware()).use(router.routes())

export const server = app.listen(Number(PORT), HOST)
