/** The access tokens of an identity provider, with a key set that is read over HTTP. All sides verify RS256. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { auth } from 'express-oauth2-jwt-bearer'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import jwksRsa from 'jwks-rsa'
import { AuthX } from 'koa-authx'
import { remoteIssuer } from 'koa-authx/issuers'
import { MemoryTokenStore } from 'koa-authx/stores/memory'
import jwt from 'koa-jwt'
import { ANYBODY, LOOPBACK } from './common.js'
import { serveExpress } from './express.js'
import { serveKoa } from './koa.js'
import type { StartVariant, Variant } from './protocol.js'

const AUDIENCE = 'https://api.example'

/** An issuer on loopback: its address, and what makes its tokens. */
async function startIssuer(): Promise<{ issuer: string; jwksUri: string; tokens: NonNullable<Variant['tokens']> }> {
  const { privateKey, publicKey } = await generateKeyPair('RS256', { extractable: true })
  const jwk = { ...(await exportJWK(publicKey)), kid: 'one', alg: 'RS256', use: 'sig' }
  const server = createServer((_, response) => {
    response.setHeader('Content-Type', 'application/json').end(JSON.stringify({ keys: [jwk] }))
  }).listen(0, LOOPBACK)
  await once(server, 'listening')
  const issuer = `http://${LOOPBACK}:${(server.address() as AddressInfo).port}`
  const token = (n: number) =>
    new SignJWT({ scope: 'read', jti: `token-${n}` })
      .setProtectedHeader({ alg: 'RS256', kid: 'one', typ: 'at+jwt' })
      .setIssuer(issuer)
      .setAudience(AUDIENCE)
      .setSubject(ANYBODY)
      .setIssuedAt()
      .setExpirationTime('1d')
      .sign(privateKey)
  return {
    issuer,
    jwksUri: `${issuer}/jwks`,
    tokens: count => Promise.all(Array.from({ length: count }, (_, n) => token(n))),
  }
}

async function guarded(withStore: boolean): Promise<Variant> {
  const { issuer, jwksUri, tokens } = await startIssuer()
  const issuers = [remoteIssuer({ issuer, jwksUri, audience: AUDIENCE })]
  const authx = new AuthX({ issuers, ...(withStore && { store: new MemoryTokenStore() }) })
  return { server: serveKoa([authx.accessTokenRequired()], { sub: state => state.token.sub }), tokens }
}

export const authx: StartVariant = () => guarded(false)
/** In a process of its own: the cache of `authx` is not filled with other tokens. */
export const neverSeen = authx
export const authxMemory: StartVariant = () => guarded(true)

/** As the documentation of jwks-rsa has it, with its cache. */
export const koaJwt: StartVariant = async () => {
  const { issuer, jwksUri, tokens } = await startIssuer()
  const secret = jwksRsa.koaJwtSecret({ jwksUri, cache: true, cacheMaxEntries: 5, cacheMaxAge: 36_000_000 })
  const guard = jwt({ secret, audience: AUDIENCE, issuer, algorithms: ['RS256'] })
  return { server: serveKoa([guard], { sub: state => state.user.sub }), tokens }
}

/** As its documentation has it. */
export const expressBearer: StartVariant = async () => {
  const { issuer, jwksUri, tokens } = await startIssuer()
  const guard = auth({ issuer, jwksUri, audience: AUDIENCE, tokenSigningAlg: 'RS256' })
  return { server: serveExpress([guard], request => String(request.auth?.payload.sub)), tokens }
}
