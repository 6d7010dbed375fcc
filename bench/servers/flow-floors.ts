/**
 * The floors of login, refresh and logout: a route that makes the same calls of the same store and as many signatures,
 * and sends the same response. It signs two tokens with jsonwebtoken, if the library does, and computes the
 * signature of the token in the request, if there is one. It checks nothing else.
 */
import { createHmac, randomUUID } from 'node:crypto'
import Router from '@koa/router'
import jsonwebtoken from 'jsonwebtoken'
import type { Context } from 'koa'
import type { TokenStore } from 'koa-authx'
import { SECRET_KEY } from './common.js'
import { serveRoutes } from './koa.js'
import type { StartVariant, TokenKind, Variant } from './protocol.js'
import { openStore, type StoreKind, times } from './stores.js'

const DAY = 86_400
const TOMBSTONE = '{"revoked":true}'

export interface Session {
  readonly sub: string
  readonly sid: string
  readonly gen: number
  readonly iat: number
  readonly jti: string
}

/** Which token of the pair that a login makes is sent. */
export const flowKind = (kind: TokenKind) => (kind === 'refresh' ? 'refresh' : 'access')

const floor =
  (kind: StoreKind): StartVariant =>
  (settings): Variant => {
    const store = openStore(kind, settings)
    let logins = 0
    const newcomer = () => newSession(`user${logins++}`)
    const router = new Router()
    router.post('/login', async ctx => {
      ctx.body = await login(store, newcomer())
    })
    router.post('/refresh', async ctx => {
      ctx.body = await refresh(store, signedClaimsOf(ctx))
    })
    router.post('/logout', async ctx => {
      await logout(store, signedClaimsOf(ctx))
      ctx.status = 204
    })
    return {
      server: serveRoutes(router),
      tokens: (count, kind) => times(count, async () => (await login(store, newcomer()))[`${flowKind(kind)}_token`]),
    }
  }

export const memory = floor('memory')
export const sqlite = floor('sqlite')
export const redis = floor('redis')
export const postgres = floor('postgres')

/** The cut-off, the session, and the list of the subject's sessions: two reads and two writes. */
async function login(store: TokenStore, session: Session) {
  const { sub, sid } = session
  await begin(store, session)
  const [listing] = await store.get([`sessions:${sub}`])
  await write(store, `sessions:${sub}`, listing, JSON.stringify([[sid, endOf(session)]]))
  return pair(session)
}

export async function begin(store: TokenStore, session: Session): Promise<void> {
  await store.get([`subject:${session.sub}`])
  await write(store, `session:${session.sid}`, undefined, recordOf(session))
}

/** The session together with the cut-off, and the session's new record: one read and one write. */
async function refresh(store: TokenStore, { sub, sid, gen }: Session) {
  const [raw] = await store.get([`session:${sid}`, `subject:${sub}`])
  const next = { ...newSession(sub), sid, gen: gen + 1 }
  await write(store, `session:${sid}`, raw, JSON.stringify({ ...JSON.parse(raw ?? ''), ...next }))
  return pair(next)
}

/** The session, and after the response the list of the subject's sessions: two reads and two writes. */
async function logout(store: TokenStore, session: Session): Promise<void> {
  const key = `session:${session.sid}`
  const [raw] = await store.get([key])
  if (raw === undefined || raw === TOMBSTONE) throw new Error('This session has ended')
  await write(store, key, raw, TOMBSTONE)
  void removeFromList(store, session)
}

async function removeFromList(store: TokenStore, { sub, sid }: Session): Promise<void> {
  const key = `sessions:${sub}`
  const [raw = '[]'] = await store.get([key])
  const list = JSON.parse(raw) as [sid: string, end: number][]
  await write(store, key, raw, JSON.stringify(list.filter(([id]) => id !== sid)))
}

export async function write(store: TokenStore, key: string, before: string | undefined, value: string): Promise<void> {
  const written = await store.compareAndSet(key, before, value, new Date(Date.now() + 20 * DAY * 1000))
  if (!written) throw new Error('Somebody else wrote')
}

export function pair(session: Session) {
  return {
    access_token: signed(session, 'access', 900),
    refresh_token: signed(session, 'refresh', 20 * DAY),
    token_type: 'bearer',
    expires_in: 900,
  }
}

function signed({ sub, sid, gen, iat, jti }: Session, type: TokenKind, life: number): string {
  const own = type === 'access' ? { jti: randomUUID(), fresh: true } : { jti, gen }
  const claims = { sub, type, iat, nbf: iat, exp: iat + life, sid, ...own }
  return jsonwebtoken.sign(claims, SECRET_KEY, { algorithm: 'HS256' })
}

export function newSession(sub: string): Session {
  return { sub, sid: randomUUID(), gen: 0, iat: Math.floor(Date.now() / 1000), jti: randomUUID() }
}

/** As a list has it: milliseconds. */
export const endOf = ({ iat }: Session): number => (iat + 20 * DAY) * 1000

/** As large as the library's, so that store and wire carry as much. */
function recordOf({ sub, gen, iat, jti }: Session): string {
  const now = Date.now()
  const times = { createdAt: now, rotatedAt: now, lastActiveAt: now, expiresAt: now, endsAt: now, keptUntil: now }
  return JSON.stringify({ sub, gen, ...times, jti, iat, exp: iat + 20 * DAY, device: {}, cutoff: 0 })
}

/** The claims of the token in the request. @throws Error if its signature is wrong. */
function signedClaimsOf(ctx: Pick<Context, 'get'>): Session {
  const token = ctx.get('Authorization').slice('Bearer '.length)
  const end = token.lastIndexOf('.')
  const signature = createHmac('sha256', SECRET_KEY).update(token.slice(0, end)).digest('base64url')
  if (signature !== token.slice(end + 1)) throw new Error('The signature is wrong')
  return claimsOf(ctx)
}

/** The claims of the token in the request, whose signature is not checked. */
export function claimsOf(ctx: Pick<Context, 'get'>): Session {
  const [, payload = ''] = ctx.get('Authorization').split('.')
  return JSON.parse(Buffer.from(payload, 'base64url').toString())
}
