/**
 * For a single-page application: it keeps the short-lived access token in a variable and sends it in the header
 * `Authorization`; the long-lived refresh token is in an HttpOnly cookie, out of reach of scripts.
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

// The routes are the same as with headers: `login` and `refresh` put each token where it belongs. The access token is in
// the body; the refresh token is in its cookie only, and using it takes the CSRF value from the cookie beside it.
export const server = createApp(authx).listen(Number(PORT), HOST)
