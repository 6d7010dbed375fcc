import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import Koa, { type Context } from 'koa'
import { AuthX, type TokenStore } from 'koa-authx'
import { type Guard, serveKoa } from './koa.js'
import type { StartVariant } from './protocol.js'
import { onStore, type StoreKind, times } from './stores.js'

interface Session {
  readonly key: string
  readonly record: string
}

const DAY = 86_400_000
const app = new Koa()

/** A guarded route, for access tokens of refreshed sessions that have been `confirmed`, or that each request confirms. */
const refreshed =
  (kind: StoreKind, { confirmed = true, writes = false } = {}): StartVariant =>
  settings => {
    const options = onStore(kind, settings)
    const authx = new AuthX(options)
    // The instance that is measured is to see each token for the first time.
    const other = new AuthX(options)
    const sessions = new Map<string, Session>()
    let logins = 0
    const makeToken = async () => {
      const pair = await other.createTokenPair(`user${logins++}`)
      const { access_token: token = '' } = await other.refresh(requestWith(pair.refresh_token))
      if (confirmed) await other.accessTokenRequired()(requestWith(token), async () => {})
      if (writes) sessions.set(token, await sessionOf(options.store, other, token))
      return token
    }
    const before = [authx.accessTokenRequired(), ...(writes ? [writing(options.store, sessions)] : [])]
    return {
      server: serveKoa(before, { sub: state => state.token.sub }),
      tokens: count => times(count, makeToken),
    }
  }

export const memory = refreshed('memory', { confirmed: false })
export const redis = refreshed('redis', { confirmed: false })

/** The same requests with nothing to confirm. */
export const memoryConfirmed = refreshed('memory')
export const redisConfirmed = refreshed('redis')

/** The same with one `compareAndSet` of the session's record, made by hand. */
export const memoryWriting = refreshed('memory', { writes: true })
export const redisWriting = refreshed('redis', { writes: true })

const writing =
  (store: TokenStore, sessions: Map<string, Session>): Guard =>
  async (ctx, next) => {
    const token = ctx.get('Authorization').slice('Bearer '.length)
    const { key, record } = sessions.get(token) as Session
    // JSON may end in a space.
    const written = await store.compareAndSet(key, record, `${record} `, new Date(Date.now() + DAY))
    if (!written) throw new Error('Somebody else wrote')
    await next()
  }

async function sessionOf(store: TokenStore, authx: AuthX, token: string): Promise<Session> {
  const { sid } = await authx.verifyToken(token)
  const key = `session:${sid}`
  const [record = ''] = await store.get([key])
  return { key, record }
}

/** The context of a request that carries a token. */
function requestWith(token: string): Context {
  const request = new IncomingMessage(new Socket())
  request.headers = { authorization: `Bearer ${token}` }
  return app.createContext(request, new ServerResponse(request))
}
