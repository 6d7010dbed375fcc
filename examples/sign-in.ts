/**
 * Sign in with your identity provider (OpenID Connect), with openid-client: the authorization code flow with PKCE. After
 * it the application has a session of its own, in cookies. A logout ends both sessions. If the person logs out at the
 * provider, or an administrator ends the session there, the provider ends the sessions here too (back-channel logout).
 *
 *     ISSUER=https://login.example.com CLIENT_ID=... CLIENT_SECRET=... ORIGIN=https://app.example.com npx tsx examples/sign-in.ts
 *
 * Register at the provider: the redirect URI `ORIGIN/callback`, the redirect URI after a logout `ORIGIN/`, and the
 * back-channel logout URI `ORIGIN/backchannel-logout`, with the session id required. ORIGIN is the address of the
 * application in browsers: the request cannot say it, because its `Host` may be forged.
 */
import { randomBytes } from 'node:crypto'
import { signInApp } from './sign-in/app.js'
import { discoverProvider } from './sign-in/provider.js'

const { HOST = '127.0.0.1', PORT = '8000', JWT_SECRET_KEY } = process.env
const { ISSUER = '', CLIENT_ID = '', CLIENT_SECRET = '', ORIGIN = `http://localhost:${PORT}` } = process.env

if (!ISSUER || !CLIENT_ID || !CLIENT_SECRET) throw new Error('Set ISSUER, CLIENT_ID and CLIENT_SECRET')

const provider = await discoverProvider(ISSUER, CLIENT_ID, CLIENT_SECRET)

export const app = signInApp({
  provider,
  origin: ORIGIN,
  // The same in every process, because a sign-in may end in another process than it began in.
  secretKey: JWT_SECRET_KEY ?? randomBytes(32).toString('hex'),
})

export const server = app.listen(Number(PORT), HOST)
