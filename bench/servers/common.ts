import { createSecretKey, randomUUID } from 'node:crypto'
import jsonwebtoken from 'jsonwebtoken'

/** All servers share it, so that the same token can be sent to each. */
export const SECRET = 'the secret of the benchmarks, of more than thirty-two bytes'

export const SECRET_KEY = createSecretKey(Buffer.from(SECRET))

export const LOOPBACK = '127.0.0.1'

/** What every route that is guarded, or would be, answers. */
export const answerTo = (sub: unknown) => ({ message: 'You have access', sub })

/** What a route that nobody guards takes for its caller. */
export const ANYBODY = 'test'

/** Access tokens as koa-authx makes them, signed by hand. */
export function plainTokens(count: number): string[] {
  const iat = Math.floor(Date.now() / 1000)
  const claims = { sub: ANYBODY, type: 'access', fresh: false, iat, nbf: iat, exp: iat + 86_400 }
  return Array.from({ length: count }, () =>
    jsonwebtoken.sign({ ...claims, jti: randomUUID() }, SECRET_KEY, { algorithm: 'HS256' }),
  )
}
