import jsonwebtoken from 'jsonwebtoken'
import type { Context } from 'koa'
import { plainTokens, REVOKED, SECRET_KEY } from './common.js'
import { type Guard, serveKoa } from './koa.js'
import type { StartVariant } from './protocol.js'
import { endOfTurn } from './turn.js'

type Claims = { readonly jti: string }

/** The middleware that people write without a library: jsonwebtoken, with a key that was made once. */
const verifies =
  (tokenIn: (ctx: Context) => string, check: (claims: Claims) => Promise<boolean> | true = () => true): Guard =>
  async (ctx, next) => {
    try {
      ctx.state.token = jsonwebtoken.verify(tokenIn(ctx), SECRET_KEY, { algorithms: ['HS256'] })
    } catch {
      ctx.throw(401)
    }
    if (!(await check(ctx.state.token))) ctx.throw(401)
    await next()
  }

function tokenInHeader(ctx: Context): string {
  const [scheme, token = ''] = ctx.get('Authorization').split(' ')
  if (scheme !== 'Bearer') ctx.throw(401)
  return token
}

const serve = (guard: Guard): ReturnType<StartVariant> => ({
  server: serveKoa([guard], { sub: state => state.token.sub }),
  tokens: plainTokens,
})

export const keyObject: StartVariant = () => serve(verifies(tokenInHeader))

export const cookie: StartVariant = () => serve(verifies(ctx => ctx.cookies.get('access_token_cookie') ?? ''))

/** With a list of revoked tokens in memory, which is read at the end of the turn of the event loop. */
export const revoking: StartVariant = () =>
  serve(
    verifies(tokenInHeader, async ({ jti }) => {
      await endOfTurn()
      return !jti.startsWith(REVOKED)
    }),
  )
