/** The floors of refusals: a route that sends the same response, and checks nothing. */
import { askMemory } from './floors.js'
import { type Guard, serveKoa } from './koa.js'
import type { StartVariant } from './protocol.js'

const CHALLENGE = 'Bearer realm="authx", error="invalid_token"'

const refusal =
  (status: number, error_type: string, before: Guard[] = []): StartVariant =>
  () => {
    const refuses: Guard = ctx => {
      ctx.set('WWW-Authenticate', CHALLENGE)
      ctx.set('Cache-Control', 'no-store')
      ctx.status = status
      ctx.body = { message: 'The token was refused for this reason', error_type }
    }
    return { server: serveKoa([...before, refuses]) }
  }

const readsRecords = (): Guard => {
  const ask = askMemory()
  return async (_, next) => {
    await ask()
    await next()
  }
}

export const noToken = refusal(401, 'MissingTokenError')
export const forged = refusal(401, 'TokenInvalidSignatureError')
export const expired = refusal(401, 'TokenExpiredError')
export const revoked = refusal(401, 'RevokedTokenError', [readsRecords()])
export const csrf = refusal(403, 'MissingCSRFTokenError')

/** What Koa sends for `ctx.throw(401)`. */
const plain: Guard = ctx => {
  ctx.status = 401
  ctx.body = 'Unauthorized'
}

export const unauthorized: StartVariant = () => ({ server: serveKoa([plain]) })
export const unauthorizedAfterRead: StartVariant = () => ({ server: serveKoa([readsRecords(), plain]) })
