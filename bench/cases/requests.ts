import { bearer, type Case, type Group, guarded, sent } from '../case.js'
import { forged } from '../check.js'

const withoutToken: Partial<Case> = { headers: () => ({}) }
const withForged: Partial<Case> = { headers: token => bearer(forged(token)) }
const refusing = (server: string) => ({ server, status: 401 })

const csrfOf = (token: string): string =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString() || '{}').csrf

const withCookie = (token: string) => ({ Cookie: `access_token_cookie=${token}` })
const withCsrf = (token: string) => ({ ...withCookie(token), 'X-CSRF-TOKEN': csrfOf(token) })

/** Other requests than the usual one. The unguarded route answers them all. */
export const requests: Group = {
  title: 'Other requests to a guarded route',
  cases: [
    guarded('POST with cookie and CSRF value', 'authx/cookies', 'koa/open', {
      headers: withCsrf,
      load: sent({ method: 'POST' }),
    }),
    guarded('GET with cookie', 'authx/cookies', 'koa/open', { headers: withCookie }),
    guarded('no token: 401', refusing('authx/mounted'), 'koa/open', withoutToken),
    guarded('no token: 401 of koa-jwt', refusing('koa-jwt/keyObject'), 'koa/open', withoutToken),
    guarded('no token: 401 by hand', refusing('by-hand/keyObject'), 'koa/open', withoutToken),
    guarded('forged token: 401', refusing('authx/mounted'), 'koa/open', withForged),
    guarded('forged token: 401 of koa-jwt, KeyObject', refusing('koa-jwt/keyObject'), 'koa/open', withForged),
    guarded('forged token: 401 by hand', refusing('by-hand/keyObject'), 'koa/open', withForged),
  ],
}
