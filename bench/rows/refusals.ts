import { forged } from '../check.js'
import { type Aim, bearer, type Group, type RowRequest, row } from '../row.js'

const NO_TOKEN: Partial<RowRequest> = { headers: () => ({}) }
const FORGED: Partial<RowRequest> = { headers: token => bearer(forged(token)) }
const EXPIRED: Partial<RowRequest> = { tokens: 'expired' }
const REVOKED: Partial<RowRequest> = { tokens: 'revoked' }
const WITHOUT_CSRF: Partial<RowRequest> = {
  method: 'POST',
  headers: token => ({ Cookie: `access_token_cookie=${token}` }),
}

const aimsBeside = (of: string): Aim[] => [{ atMost: 25 }, { share: 0.5, of }]

/** A refusal of koa-authx: the response is JSON with the name of the error. */
const refused = (name: string, server: string, floor: string, error: string, request: Partial<RowRequest>) =>
  row(name, server, `refusal-floors/${floor}`, {
    status: error.includes('CSRF') ? 403 : 401,
    says: error,
    request,
    aims: aimsBeside(`${name}: by hand`),
  })

/** A refusal of another library, with the status and nothing else. */
const refusedByOther = (name: string, server: string, floor: string, request: Partial<RowRequest>) =>
  row(name, server, floor, { status: 401, says: '', request })

const UNAUTHORIZED = 'refusal-floors/unauthorized'

/** Measured with `--profile`, and in one process without HTTP. */
const MISSED = `The forged token misses its aim by 6 and 11 µs, and the cookie without CSRF token by 3 µs in one run. A refusal is an exception that passes
through the promises of Koa. In one process without HTTP, a request with a valid token takes 4 µs, and one with a forged token 12 µs. Of the
8 µs between these two, the HMAC takes 2 to 3 µs. The rest is the error with its challenge, and throwing it twice: \`middleware()\` looks for
a token that public pages may use, and the guard refuses. Over HTTP all of this takes two to three times as long, because caches are colder.
A cookie without CSRF token is refused by two exceptions too. Without the HMAC, nobody would know that a token is forged. By hand, a forged
token takes more than twice as long.`

export const refusals: Group = {
  title: 'Refusals',
  text: 'The floor sends the same response. An attacker can send these requests without a login.',
  missed: MISSED,
  rows: [
    refused('no token', 'authx/hs256', 'noToken', 'MissingTokenError', NO_TOKEN),
    refused('forged token', 'authx/hs256', 'forged', 'TokenInvalidSignatureError', FORGED),
    refused('expired token', 'authx/hs256', 'expired', 'TokenExpiredError', EXPIRED),
    refused('revoked token', 'authx/memory', 'revoked', 'RevokedTokenError', REVOKED),
    {
      ...refused('cookie without CSRF token', 'authx/cookies', 'csrf', 'MissingCSRFTokenError', WITHOUT_CSRF),
      aims: [{ atMost: 25 }],
    },
    refusedByOther('no token: by hand', 'by-hand/keyObject', UNAUTHORIZED, NO_TOKEN),
    refusedByOther('forged token: by hand', 'by-hand/keyObject', UNAUTHORIZED, FORGED),
    refusedByOther('expired token: by hand', 'by-hand/keyObject', UNAUTHORIZED, EXPIRED),
    refusedByOther('revoked token: by hand', 'by-hand/revoking', 'refusal-floors/unauthorizedAfterRead', REVOKED),
    refusedByOther('no token: koa-jwt', 'koa-jwt/keyObject', UNAUTHORIZED, NO_TOKEN),
    refusedByOther('forged token: koa-jwt', 'koa-jwt/keyObject', UNAUTHORIZED, FORGED),
    refusedByOther('expired token: koa-jwt', 'koa-jwt/keyObject', UNAUTHORIZED, EXPIRED),
    refusedByOther('forged token: express-jwt', 'express/jwtKeyObject', 'express/unauthorized', FORGED),
    refusedByOther('forged token: passport-jwt', 'express/passportKeyObject', 'express/unauthorized', FORGED),
    refusedByOther('forged token: @fastify/jwt', 'fastify/jwt', 'fastify/unauthorized', FORGED),
  ],
}
