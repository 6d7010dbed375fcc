import type { AuthX, AuthXOptions } from '../../../src/index.js'
import { contentOf, signClaims } from '../reference/signing.js'
import type { Json } from '../reference/token-rules.js'
import { WatchedStore } from '../reference/watched-store.js'
import { cutoffKey, emptyWorld, type World } from '../reference/world.js'
import { instanceOf, NOW, type Setup } from './instances.js'

/** What the token is, for the reader of a failure, and the token: mostly text. It is made when it is needed. */
export type Hostile = readonly [what: string, make: () => unknown]

/** An instance in whose store something has happened, and what of it the reference rules have to know. */
export interface Populated {
  readonly setup: Setup
  readonly authx: AuthX
  readonly store: WatchedStore
  readonly world: World
  /** Good tokens, and some that were good once; by what they are. */
  readonly tokens: Readonly<Record<TokenName, string>>
}

export const TOKEN_NAMES = ['access', 'refresh', 'single', 'loggedOut', 'revoked', 'cutOff', 'expired'] as const
export type TokenName = (typeof TOKEN_NAMES)[number]

export const SECOND = NOW / 1000

/** Claims that make a good access token at this instance. */
export const goodClaims = ({ claims }: Setup): Json => ({
  sub: 'alice',
  jti: 'TEST-jti',
  type: 'access',
  iat: SECOND,
  exp: SECOND + 900,
  ...claims,
})

export async function populate(setup: Setup, options: AuthXOptions = {}): Promise<Populated> {
  const store = new WatchedStore()
  const authx = instanceOf(setup, { ...options, store })
  const world = emptyWorld()
  const data = ownClaims(setup)
  const pair = await authx.createTokenPair('alice', { data })
  remember(world, pair.refresh_token)
  const loggedOut = (await authx.createTokenPair('bob', { data })).access_token
  const revoked = signClaims({ ...goodClaims(setup), jti: 'TEST-revoked' }, setup.signers[0])
  for (const token of [loggedOut, revoked]) {
    await authx.revoke(token)
    const { sid, jti } = contentOf(token)
    world.revoked.add(String(sid ?? jti))
  }
  const cut = await authx.createTokenPair('carol', { data })
  remember(world, cut.refresh_token)
  await authx.revokeAllSessions('carol')
  world.cutoffs.set(cutoffKey('carol', setup.rules.loginType), NOW)
  const single = signClaims(goodClaims(setup), setup.signers[0])
  const expired = signClaims({ ...goodClaims(setup), iat: SECOND - 2000, exp: SECOND - 1000 }, setup.signers[0])
  const { access_token: access, refresh_token: refresh } = pair
  return {
    setup,
    authx,
    store,
    world,
    tokens: { access, refresh, single, loggedOut, revoked, cutOff: cut.access_token, expired },
  }
}

/** What `data` may hold: the claims that the library does not write. */
function ownClaims({ claims = {}, options }: Setup): Record<string, unknown> {
  const written = ['iss', 'aud', 'login_type', options.identityClaim]
  return Object.fromEntries(Object.entries(claims).filter(([name]) => !written.includes(name)))
}

/** A session that has just begun, as its refresh token tells of it. */
export function remember({ sessions, cutoffs }: World, refreshToken: string): void {
  const { sid, sub, uid, jti, gen, login_type } = contentOf(refreshToken)
  const subject = String(uid ?? sub)
  sessions.set(String(sid), {
    sub: subject,
    ...(typeof login_type === 'string' && { loginType: login_type }),
    gen: Number(gen),
    jti: String(jti),
    expiresAt: NOW + 90 * 86_400_000,
    cutoff: cutoffs.get(cutoffKey(subject, login_type)) ?? 0,
    rotatedAt: NOW,
  })
}
