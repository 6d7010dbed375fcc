import { createSecretKey, randomUUID } from 'node:crypto'
import jsonwebtoken from 'jsonwebtoken'
import type { TokenKind } from './protocol.js'

/** All servers share it, so that the same token can be sent to each. */
export const SECRET = 'the secret of the benchmarks, of more than thirty-two bytes'

export const SECRET_KEY = createSecretKey(Buffer.from(SECRET))

export const LOOPBACK = '127.0.0.1'

/** What every route that is guarded, or would be, answers. */
export const answerTo = (sub: unknown) => ({ message: 'You have access', sub })

/** What a route that nobody guards takes for its caller. */
export const ANYBODY = 'test'

/** The claim `jti` of tokens that have been revoked starts with this, for the guard that is written by hand. */
export const REVOKED = 'revoked-'

const DAY = 86_400

/** Access tokens with the claims that koa-authx sets, signed by hand. */
export function plainTokens(count: number, kind: TokenKind = 'access'): string[] {
  const iat = Math.floor(Date.now() / 1000) - (kind === 'expired' ? 2 * DAY : 0)
  const claims = { sub: ANYBODY, type: 'access', fresh: false, iat, nbf: iat, exp: iat + DAY }
  const start = kind === 'revoked' ? REVOKED : ''
  return Array.from({ length: count }, () =>
    jsonwebtoken.sign({ ...claims, jti: start + randomUUID() }, SECRET_KEY, { algorithm: 'HS256' }),
  )
}
