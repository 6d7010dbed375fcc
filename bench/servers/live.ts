import { randomUUID } from 'node:crypto'
import { AuthX, type TokenStore } from 'koa-authx'
import { serveKoa } from './koa.js'
import type { StartVariant, Variant } from './protocol.js'
import { onStore, type StoreKind, times } from './stores.js'

interface Session {
  readonly sub: string
  readonly sid: string
}

/** A guarded route, with as many live sessions in its store as `size` says. */
const live =
  (kind: StoreKind): StartVariant =>
  async (settings): Promise<Variant> => {
    const options = onStore(kind, settings)
    const authx = new AuthX({ ...options, accessTokenExpires: '1d' })
    const sessions = await fill(options.store, authx, settings.size)
    return {
      server: serveKoa([authx.accessTokenRequired()], { sub: state => state.token.sub }),
      tokens: count => spread(sessions, count).map(({ sub, sid }) => authx.createAccessToken(sub, { sid })),
    }
  }

export const redis = live('redis')

/** The record of one real login, written as often as wanted under other names: a million logins would take minutes. */
async function fill(store: TokenStore, authx: AuthX, size: number): Promise<Session[]> {
  const { access_token } = await authx.createTokenPair('user')
  const { sid } = await authx.verifyToken(access_token)
  const [value = ''] = await store.get([`session:${sid}`])
  const model = JSON.parse(value) as { keptUntil: number }
  const expiresAt = new Date(model.keptUntil)
  return times(size, async n => {
    const session = { sub: `user${n}`, sid: randomUUID() }
    const record = JSON.stringify({ ...model, sub: session.sub, jti: randomUUID() })
    await store.compareAndSet(`session:${session.sid}`, undefined, record, expiresAt)
    return session
  })
}

/** So many of `sessions`, at even distances. */
function spread(sessions: readonly Session[], count: number): Session[] {
  const taken = Math.min(count, sessions.length)
  return Array.from({ length: taken }, (_, n) => sessions[Math.floor((n * sessions.length) / taken)] as Session)
}
