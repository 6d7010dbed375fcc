/**
 * Pages made by a server, without a script: a login form, a list, a form that changes it, and a logout. The headers of
 * the browser protect the forms (`csrfCheck: 'origin'`), so they need no CSRF value. `autoRefresh` exchanges the refresh
 * token when a page is loaded. The routes are in pages/app.ts, the HTML in pages/html.ts.
 *
 *     npx tsx examples/pages.ts
 *
 * Then open http://localhost:8000 in a browser, and log in as "test" with the password "test".
 */
import { randomBytes } from 'node:crypto'
import { AuthX } from 'koa-authx'
import { MemoryTokenStore } from 'koa-authx/stores/memory'
import { pagesApp } from './pages/app.js'

const { HOST = '127.0.0.1', PORT = '8000', JWT_SECRET_KEY } = process.env

const authx = new AuthX({
  secretKey: JWT_SECRET_KEY ?? randomBytes(32).toString('hex'),
  store: new MemoryTokenStore(),
  // The cookies are Secure: they need HTTPS. Chromium and Firefox also accept them on http://localhost.
  tokenLocation: ['cookies'],
  csrfCheck: 'origin',
  // A form is not refreshed on the way. This is longer than users take to fill one in.
  accessTokenExpires: '2h',
})

export const app = pagesApp(authx)

export const server = app.listen(Number(PORT), HOST)
