import { type Group, row } from '../row.js'

const cookie = (token: string) => ({ Cookie: `access_token_cookie=${token}` })

const withValue = (token: string) => ({ ...cookie(token), 'X-CSRF-TOKEN': csrfOf(token) })
const sameOrigin = (token: string) => ({ ...cookie(token), 'Sec-Fetch-Site': 'same-origin' })

const AIM = [{ atMost: 10 }]

/** Measured with `--profile`, and in one process without HTTP. */
const MISSED = `Run 2 of the row "cookie" is 5 µs above run 1, so the noise is larger than what is missing. In a profile of the row "cookie + CSRF token",
finding the cookie takes 6 % of the time of the process, and the check of the CSRF value another 6 %: 2 to 3 µs each. The row "cookie,
memory" also asks the store.`

export const cookies: Group = {
  title: 'Cookies',
  text: 'The token is in a cookie. The floor reads the same cookie with `ctx.cookies.get`.',
  missed: MISSED,
  rows: [
    row('cookie', 'authx/cookies', 'floors/cookie', { request: { headers: cookie }, aims: AIM }),
    row('cookie + CSRF token', 'authx/cookies', 'floors/cookie', {
      request: { method: 'POST', headers: withValue },
      aims: AIM,
    }),
    row('cookie + origin check', 'authx/cookiesOfOrigin', 'floors/cookie', {
      request: { method: 'POST', headers: sameOrigin },
      aims: AIM,
    }),
    row('cookie, memory', 'authx/cookiesOnMemory', 'floors/cookieAndMemory', {
      request: { headers: cookie },
      aims: AIM,
    }),
    row('cookie: by hand', 'by-hand/cookie', 'floors/cookie', { request: { headers: cookie } }),
    row('cookie: koa-jwt, KeyObject', 'koa-jwt/cookie', 'floors/cookie', { request: { headers: cookie } }),
  ],
}

/** The CSRF value in a token; nothing for a token without claims. */
export function csrfOf(token: string): string {
  const [, claims = ''] = token.split('.')
  return JSON.parse(Buffer.from(claims, 'base64url').toString() || '{}').csrf ?? ''
}
