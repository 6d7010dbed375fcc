import jwt from 'koa-jwt'
import { plainTokens, SECRET, SECRET_KEY } from './common.js'
import { serveKoa } from './koa.js'
import type { StartVariant, Variant } from './protocol.js'

function guarded(secret: jwt.Secret, options: Partial<jwt.Options> = {}): Variant {
  const guard = jwt({ secret, algorithms: ['HS256'], ...options })
  return { server: serveKoa([guard], { sub: state => state.user.sub }), tokens: plainTokens }
}

/** As its documentation has it. */
export const string: StartVariant = () => guarded(SECRET)

/** Its types do not allow a KeyObject; jsonwebtoken, to which it is handed on, does. */
export const keyObject: StartVariant = () => guarded(SECRET_KEY as unknown as jwt.Secret)

export const cookie: StartVariant = () =>
  guarded(SECRET_KEY as unknown as jwt.Secret, { cookie: 'access_token_cookie' })
