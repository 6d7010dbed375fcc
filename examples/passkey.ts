/**
 * Passkeys (WebAuthn), with @simplewebauthn/server and @simplewebauthn/browser. A user who has logged in with a password
 * registers a passkey, and later logs in with it. A payment requires a passkey that was used in the last five minutes.
 *
 *     npx tsx examples/passkey.ts
 *
 * Open http://localhost:8000 and log in as test with the password test. ORIGIN is the address of the page in browsers.
 * RP_ID is the domain that passkeys belong to: the host of ORIGIN, or a domain above it.
 */
import { randomBytes } from 'node:crypto'
import Koa from 'koa'
import { AuthX } from 'koa-authx'
import { MemoryTokenStore } from 'koa-authx/stores/memory'
import { pageRouter } from './passkey/page.js'
import { passkeyRouter } from './passkey/routes.js'

const { HOST = '127.0.0.1', PORT = '8000', JWT_SECRET_KEY } = process.env
const { ORIGIN = `http://localhost:${PORT}`, RP_ID = new URL(ORIGIN).hostname } = process.env

const authx = new AuthX({
  secretKey: JWT_SECRET_KEY ?? randomBytes(32).toString('hex'),
  store: new MemoryTokenStore(),
  tokenLocation: ['cookies'],
})

const site = { name: 'koa-authx example', origin: ORIGIN, rpID: RP_ID }

export const app = new Koa().use(authx.middleware()).use(pageRouter().routes()).use(passkeyRouter(authx, site).routes())

export const server = app.listen(Number(PORT), HOST)
