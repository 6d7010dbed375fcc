import { generateKeyPairSync } from 'node:crypto'
import { AuthX, type AuthXOptions, PolicyEngine } from 'koa-authx'
import { ANYBODY, plainTokens, SECRET } from './common.js'
import { findSubject } from './floors.js'
import { type Guard, serveKoa } from './koa.js'
import type { Settings, StartVariant, TokenKind, Variant } from './protocol.js'
import { onStore, type StoreKind, times } from './stores.js'

interface Guarded {
  readonly scopes?: readonly string[]
  readonly guards?: (authx: AuthX) => readonly Guard[]
  /** Whether `middleware()` is in the application, as in the README. Default true. */
  readonly mounted?: boolean
}

const HS256: AuthXOptions = { secretKey: SECRET }

function guarded(options: AuthXOptions, { scopes, guards, mounted = true }: Guarded = {}): Variant {
  const authx = new AuthX({ accessTokenExpires: '1d', ...options })
  const before = guards?.(authx) ?? [authx.accessTokenRequired()]
  const everywhere = mounted ? [authx.middleware()] : []
  const claims = scopes ? { scopes } : {}
  const make = async (kind: TokenKind) => {
    if (!options.store) return authx.createAccessToken(ANYBODY, claims)
    // With a store, a token is only accepted if the store has its session.
    const { access_token } = await authx.createTokenPair(ANYBODY, claims)
    if (kind === 'revoked') await authx.revoke(access_token)
    return access_token
  }
  return {
    server: serveKoa(before, { sub: state => state.token.sub, everywhere }),
    tokens: (count, kind) => (kind === 'expired' ? plainTokens(count, kind) : times(count, () => make(kind))),
  }
}

const generated = (kind: 'RS256' | 'ES256'): AuthXOptions => {
  const pair =
    kind === 'RS256'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return { algorithm: kind, privateKey: pair.privateKey }
}

const onKind =
  (kind: StoreKind, options: AuthXOptions = {}): StartVariant =>
  settings =>
    guarded({ ...onStore(kind, settings), ...options })

export const hs256: StartVariant = () => guarded(HS256)
/** In a process of its own: the cache of `hs256` is not filled with other tokens. */
export const neverSeen = hs256
export const rs256: StartVariant = () => guarded(generated('RS256'))
export const es256: StartVariant = () => guarded(generated('ES256'))
export const alone: StartVariant = () => guarded(HS256, { mounted: false })

export const memory = onKind('memory')
export const sqlite = onKind('sqlite')
export const redis = onKind('redis')
export const postgres = onKind('postgres')

const COOKIES: AuthXOptions = { ...HS256, tokenLocation: ['cookies'] }
export const cookies: StartVariant = () => guarded(COOKIES)
export const cookiesOfOrigin: StartVariant = () => guarded({ ...COOKIES, csrfCheck: 'origin' })
export const cookiesOnMemory = onKind('memory', COOKIES)

export const twoGuards: StartVariant = () =>
  guarded(HS256, { scopes: ['area:read'], guards: a => [a.accessTokenRequired(), a.scopesRequired('area:read')] })

export const subject: StartVariant = () =>
  guarded(HS256, {
    guards: authx => {
      authx.setSubjectGetter(findSubject)
      return [authx.subjectRequired()]
    },
  })

/** The token has `size` scopes, and the route requires the last one. */
export const scopes: StartVariant = ({ size }: Settings) => {
  const all = Array.from({ length: size }, (_, n) => `area${n}:read`)
  return guarded(HS256, { scopes: all, guards: authx => [authx.scopesRequired(`area${size - 1}:read`)] })
}

const engine = new PolicyEngine({
  rules: [
    { effect: 'allow', actions: ['documents:read'], resources: ['documents:*'] },
    { effect: 'deny', actions: ['documents:edit'], resources: ['documents:law'] },
  ],
})

export const policy: StartVariant = () =>
  guarded(HS256, {
    guards: authx => {
      authx.setPolicyEngine(engine)
      return [authx.policyRequired('documents:read', ['documents', 'novel'])]
    },
  })
