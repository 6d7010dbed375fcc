import jsonwebtoken from 'jsonwebtoken'
import { plainTokens, SECRET_KEY } from './common.js'
import { type Guard, serveKoa } from './koa.js'
import type { StartVariant } from './protocol.js'

/** The middleware that one writes without a library: jsonwebtoken with a key that was made once. */
const verifies: Guard = async (ctx, next) => {
  const [scheme, token = ''] = ctx.get('Authorization').split(' ')
  if (scheme !== 'Bearer') ctx.throw(401)
  try {
    ctx.state.token = jsonwebtoken.verify(token, SECRET_KEY, { algorithms: ['HS256'] })
  } catch {
    ctx.throw(401)
  }
  await next()
}

export const keyObject: StartVariant = () => ({
  server: serveKoa([verifies], { sub: state => state.token.sub }),
  tokens: plainTokens,
})
