/**
 * For single-page applications. The page keeps the short-lived access token in a variable and sends it in the header
 * `Authorization`. The long-lived refresh token is in an HttpOnly cookie, which scripts cannot read.
 *
 *     npx tsx examples/dual.ts
 *     curl -c jar http://localhost:8000/login -d username=test -d password=test
 *     curl http://localhost:8000/protected -H 'Authorization: Bearer <access_token>'
 *     csrf=$(awk '$6 == "csrf_refresh_token" { print $7 }' jar)
 *     curl -c jar -b jar -X POST http://localhost:8000/refresh -H "X-CSRF-TOKEN: $csrf"
 *     curl -c jar -b jar -X POST http://localhost:8000/logout -H 'Authorization: Bearer <access_token>'
 */
import { randomBytes } from 'node:crypto'
import { AuthX } from 'koa-authx'
import { MemoryTokenStore } from 'koa-authx/stores/memory'
import { createApp } from './app.js'

const { HOST = '127.0.0.1', PORT = '8000', JWT_SECRET_KEY } = process.env

const authx = new AuthX({
  secretKey: JWT_SECRET_KEY ?? randomBytes(32).toString('hex'),
  store: new MemoryTokenStore(),
  tokenLocation: { access: ['headers'], refresh: ['cookies'] },
})

// The routes of app.ts need no change: `login` and `refresh` put the access token into the body and the refresh
// token into its cookie. A request with the refresh token needs the CSRF value from the second cookie. `login` refuses a
// form of another site (403): it would log the visitor in to another account.
export const server = createApp(authx).listen(Number(PORT), HOST)
