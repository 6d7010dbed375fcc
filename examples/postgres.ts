/**
 * Users and sessions in one PostgreSQL database: registration, login, a new password, deletion of the account. Any number
 * of processes can share the database. All need the same JWT_SECRET_KEY.
 *
 *     export JWT_SECRET_KEY=$(openssl rand -hex 32) DATABASE_URL=postgres://user:password@127.0.0.1/database
 *     npx tsx examples/postgres.ts
 *     alias post='curl -H "Content-Type: application/json"'
 *     post localhost:8000/users -d '{"username":"ada","password":"correct horse","displayName":"Ada"}'
 *     post localhost:8000/login -d '{"username":"ada","password":"correct horse"}'
 *     curl localhost:8000/me -H 'Authorization: Bearer <access_token>'
 *     post -X PUT localhost:8000/password -d '{"currentPassword":"correct horse","password":"battery staple"}' \
 *       -H 'Authorization: Bearer <access_token>'
 *     curl -X DELETE localhost:8000/me -H 'Authorization: Bearer <access_token>'
 *
 * Also limit how often a password can be tried: examples/rate-limit.ts.
 */
import Router from '@koa/router'
import Koa, { type Context } from 'koa'
import { AuthX, InvalidCredentialsError, type TokenResponse } from 'koa-authx'
import { PostgresTokenStore } from 'koa-authx/stores/postgres'
import { koaBody } from 'koa-body'
import pg from 'pg'
import { hashPassword, isPassword } from './postgres/passwords.js'
import { Users } from './postgres/users.js'

const { HOST = '127.0.0.1', PORT = '8000', DATABASE_URL } = process.env
if (!DATABASE_URL) throw new Error('DATABASE_URL is missing, such as postgres://user:password@127.0.0.1/database')

// One pool for users and sessions. While the database does not answer, requests must not wait without limit.
const pool = new pg.Pool({ connectionString: DATABASE_URL, connectionTimeoutMillis: 5000, query_timeout: 5000 })
pool.on('error', error => console.error(`An idle connection was closed: ${error.message}`))

const users = new Users(pool)
await users.createTables()

// fromEnv reads JWT_SECRET_KEY and every other JWT_* variable that AuthX reads. The times (in milliseconds) are longer
// than the defaults: while passwords are hashed, all processors may be busy.
const authx = AuthX.fromEnv({ store: new PostgresTokenStore(pool, { timeout: 1000 }), storeTimeout: 1000 })
authx.on('storeError', ({ operation, error }) => console.error(`${operation}: ${error.cause}`))

// Called at every login and refresh. The sessions of a user who was deleted by another program end at the next refresh.
authx.setSubjectGetter(id => users.profile(id))

const router = new Router()
const json = koaBody({ urlencoded: false, text: false })

router.post('/users', json, async ctx => {
  const { username, password, displayName } = bodyOf(ctx)
  const name = nameIn(username)
  if (name === undefined) return refuse(ctx, 400, 'username: 3 to 30 letters, digits, _ or -')
  if (!isAcceptable(password)) return refuse(ctx, 400, PASSWORD_RULE)
  if (!isDisplayName(displayName)) return refuse(ctx, 400, 'displayName: 1 to 100 characters')

  const id = await users.register({ name, passwordHash: await hashPassword(password), displayName })
  if (id === undefined) return refuse(ctx, 409, 'The username is taken')
  // Not before the transaction is committed: if it were undone afterwards, the session would be for a user that does not
  // exist. Also, the store takes a connection of its own from the pool. If requests that hold one waited for a second one,
  // enough of them would wait for each other. If this login fails (503), the user exists and can log in.
  ctx.body = await authx.login(ctx, id)
  ctx.status = 201
})

router.post('/login', json, async ctx => {
  const { username, password } = bodyOf(ctx)
  const name = nameIn(username)
  const user = name === undefined ? undefined : await users.byName(name)
  // The same answer, after the same work, for an unknown user and a wrong password.
  if (!(await isPassword(textIn(password), user?.passwordHash)) || !user) throw new InvalidCredentialsError()
  ctx.body = await loginWith(ctx, user)
})

router.post('/refresh', async ctx => {
  ctx.body = await authx.refresh(ctx)
})

router.post('/logout', async ctx => {
  await authx.logout(ctx)
  ctx.status = 204
})

router.get('/me', authx.subjectRequired(), ctx => {
  ctx.body = ctx.state.subject
})

router.put('/password', authx.accessTokenRequired(), json, async ctx => {
  const { sub, sid } = ctx.state.token
  const { currentPassword, password } = bodyOf(ctx)
  if (!isAcceptable(password)) return refuse(ctx, 400, PASSWORD_RULE)
  const from = await users.passwordHash(sub)
  const isRight = await isPassword(textIn(currentPassword), from)
  if (!isRight || from === undefined) return refuse(ctx, 403, 'The current password is wrong')
  const isChanged = await users.changePassword(sub, { from, to: await hashPassword(password) })
  if (!isChanged) return refuse(ctx, 409, 'The password was changed by another request')
  // After the change: a login with the former password that begins now is refused. The session of this request stays.
  await authx.revokeAllSessions(sub, { except: sid })
  ctx.status = 204
})

// Delete first, then revoke: no login can succeed in between. A second attempt, after a 503, does the same.
router.delete('/me', authx.freshTokenRequired(), async ctx => {
  const { sub } = ctx.state.token
  await users.delete(sub)
  await authx.revokeAllSessions(sub)
  ctx.status = 204
})

/**
 * Logs a user in whose password was just checked. The check takes a while. If the password was changed or the account
 * deleted meanwhile, and `revokeAllSessions` came before this login, then this login has to be ended here.
 */
async function loginWith(ctx: Context, user: { id: string; passwordHash: string }): Promise<TokenResponse> {
  const tokens = await authx.login(ctx, user.id)
  if ((await users.passwordHash(user.id)) === user.passwordHash) return tokens
  await authx.revoke(String(tokens.refresh_token))
  throw new InvalidCredentialsError()
}

const PASSWORD_RULE = 'password: 8 to 200 characters'

const isAcceptable = (value: unknown): value is string =>
  typeof value === 'string' && value.length >= 8 && value.length <= 200

const isDisplayName = (value: unknown): value is string =>
  typeof value === 'string' && /^[^\p{Cc}\p{Cs}]{1,100}$/u.test(value)

/** The name as the table has it: lower case, so that nobody else can be Ada if there is an ada. */
const nameIn = (value: unknown): string | undefined =>
  typeof value === 'string' && /^[A-Za-z0-9_-]{3,30}$/.test(value) ? value.toLowerCase() : undefined

const textIn = (value: unknown): string => (typeof value === 'string' ? value : '')

const bodyOf = (ctx: Context): Record<string, unknown> => Object(ctx.request.body)

function refuse(ctx: Context, status: number, message: string): void {
  ctx.status = status
  ctx.body = { message }
}

export const app = new Koa().use(authx.middleware()).use(router.routes())

export const server = app.listen(Number(PORT), HOST)

// Close the store and the pool after the last response.
server.on('close', async () => {
  await authx.close()
  await pool.end()
})
