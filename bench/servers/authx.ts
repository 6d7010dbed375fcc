import { generateKeyPairSync } from 'node:crypto'
import type { Server } from 'node:http'
import { AuthX, type AuthXOptions } from 'koa-authx'
import { ANYBODY, SECRET } from './common.js'
import { type Guard, serveBareKoa, serveKoa } from './koa.js'
import type { Settings, StartVariant, Variant } from './protocol.js'
import { onStore, times } from './stores.js'

interface Guarded {
  /** What goes into the tokens. */
  readonly claims?: { readonly scopes?: readonly string[]; readonly data?: Record<string, unknown> }
  readonly guard?: (authx: AuthX) => Guard
  /** Puts the guard into an application; else on a route. */
  readonly serve?: (authx: AuthX, guard: Guard) => Server
}

const HS256: AuthXOptions = { secretKey: SECRET }

const subOf = { sub: (state: { token: { sub: string } }) => state.token.sub }

/** With `authx.middleware()` on the application, as in the README. */
const mountedBefore = (authx: AuthX, guard: Guard) => serveKoa([guard], { ...subOf, everywhere: [authx.middleware()] })

function guarded(options: AuthXOptions, { claims = {}, guard, serve }: Guarded = {}): Variant {
  const authx = new AuthX({ accessTokenExpires: '1d', ...options })
  const own = guard?.(authx) ?? authx.accessTokenRequired()
  return {
    server: serve?.(authx, own) ?? serveKoa([own], subOf),
    // With a store a token is good only if it names a session that the store holds.
    tokens: count =>
      times(count, async () => {
        if (!options.store) return authx.createAccessToken(ANYBODY, claims)
        return (await authx.createTokenPair(ANYBODY, claims)).access_token
      }),
  }
}

const generated = (kind: 'RS256' | 'ES256'): AuthXOptions => {
  const pair =
    kind === 'RS256'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return { algorithm: kind, privateKey: pair.privateKey }
}

export const hs256: StartVariant = () => guarded(HS256)
/** In a process of its own: what distinct tokens leave behind is not to slow down the one that comes again. */
export const neverSeen = hs256
export const rs256: StartVariant = () => guarded(generated('RS256'))
export const es256: StartVariant = () => guarded(generated('ES256'))
export const memory: StartVariant = settings => guarded(onStore('memory', settings))
export const sqlite: StartVariant = settings => guarded(onStore('sqlite', settings))
export const redis: StartVariant = settings => guarded(onStore('redis', settings))

export const bare: StartVariant = () => guarded(HS256, { serve: (_, guard) => serveBareKoa([guard]) })
export const mounted: StartVariant = () => guarded(HS256, { serve: mountedBefore })
export const mountedRedis: StartVariant = settings => guarded(onStore('redis', settings), { serve: mountedBefore })
export const mountedPostgres: StartVariant = settings =>
  guarded(onStore('postgres', settings), { serve: mountedBefore })
export const cookies: StartVariant = () => guarded({ ...HS256, tokenLocation: ['cookies'] }, { serve: mountedBefore })

/** The token has so many scopes, and the route asks for the last. */
export const scopes: StartVariant = ({ size }: Settings) => {
  const all = Array.from({ length: size }, (_, n) => `area${n}:read`)
  return guarded(HS256, { claims: { scopes: all }, guard: authx => authx.scopesRequired(`area${size - 1}:read`) })
}

/** The token has so many claims of the application's own. */
export const claims: StartVariant = ({ size }: Settings) => {
  const data = Object.fromEntries(Array.from({ length: size }, (_, n) => [`claim${n}`, `value ${n}`]))
  return guarded(HS256, { claims: { data } })
}
