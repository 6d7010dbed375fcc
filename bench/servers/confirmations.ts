import { randomUUID } from 'node:crypto'
import { IncomingMessage, type Server, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import jsonwebtoken from 'jsonwebtoken'
import Koa, { type Context } from 'koa'
import { AuthX, type TokenStore } from 'koa-authx'
import { SECRET_KEY } from './common.js'
import { claimsOf, write } from './flow-floors.js'
import { type Guard, serveKoa } from './koa.js'
import type { StartVariant } from './protocol.js'
import { onStore, type StoreKind, times } from './stores.js'

/** A session after a refresh: the claims of its access token, and its record in the store. */
interface Refreshed {
  readonly claims: object
  readonly record: string
}

const start =
  (kind: StoreKind, serve: (authx: AuthX, store: TokenStore) => Server): StartVariant =>
  async settings => {
    const options = onStore(kind, settings)
    const authx = new AuthX({ ...options, accessTokenExpires: '1d' })
    const model = await refreshOnce(authx, options.store)
    return { server: serve(authx, options.store), tokens: count => times(count, () => copy(model, options.store)) }
  }

/** A guarded route. Each of its tokens has a session of its own, which has been refreshed once. */
const guarded = (kind: StoreKind) =>
  start(kind, authx => serveKoa([authx.accessTokenRequired()], { sub: state => state.token.sub }))

export const memory = guarded('memory')
export const redis = guarded('redis')

/** A route that reads the same two keys and writes the record of the session. */
const floor = (kind: StoreKind) => start(kind, (_, store) => serveKoa([readsAndWrites(store)]))

export const memoryFloor = floor('memory')
export const redisFloor = floor('redis')

async function refreshOnce(authx: AuthX, store: TokenStore): Promise<Refreshed> {
  const { refresh_token } = await authx.createTokenPair('user')
  const { access_token: token = '' } = await authx.refresh(requestWith(refresh_token))
  // Not `authx.verifyToken`, which confirms.
  const claims = jsonwebtoken.verify(token, SECRET_KEY) as { readonly sid: string }
  const [record = ''] = await store.get([`session:${claims.sid}`])
  return { claims, record }
}

/** The same session and token under other ids: so many refreshes would take minutes. */
async function copy({ claims, record }: Refreshed, store: TokenStore): Promise<string> {
  const sid = randomUUID()
  await write(store, `session:${sid}`, undefined, record)
  return jsonwebtoken.sign({ ...claims, sid, jti: randomUUID() }, SECRET_KEY, { algorithm: 'HS256' })
}

const readsAndWrites =
  (store: TokenStore): Guard =>
  async (ctx, next) => {
    const key = `session:${claimsOf(ctx).sid}`
    const [record = ''] = await store.get([key, 'subject:nobody'])
    // JSON may end in a space.
    await write(store, key, record, `${record} `)
    await next()
  }

/** The context of a request that carries a token. */
function requestWith(token: string): Context {
  const request = new IncomingMessage(new Socket())
  request.headers = { authorization: `Bearer ${token}` }
  return new Koa().createContext(request, new ServerResponse(request))
}
