import { randomUUID } from 'node:crypto'
import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import jsonwebtoken from 'jsonwebtoken'
import Koa, { type Context } from 'koa'
import { AuthX, type TokenStore } from 'koa-authx'
import { SECRET_KEY } from './common.js'
import { type Guard, serveKoa } from './koa.js'
import type { StartVariant } from './protocol.js'
import { onStore, type StoreKind, times } from './stores.js'

/** A session after a refresh: the claims of its access token, and its record in the store. */
interface Refreshed {
  readonly claims: object
  readonly record: string
}

const DAY = 86_400_000

/** A guarded route. Each of its tokens has a refreshed session of its own, `confirmed` or not. */
const refreshed =
  (kind: StoreKind, { confirmed = true, writes = false } = {}): StartVariant =>
  async settings => {
    const options = onStore(kind, settings)
    const authx = new AuthX({ ...options, accessTokenExpires: '1d' })
    const model = await refreshOnce(authx, options.store, confirmed)
    const before = [authx.accessTokenRequired(), ...(writes ? [writing(options.store, model)] : [])]
    return {
      server: serveKoa(before, { sub: state => state.token.sub }),
      tokens: count => times(count, () => copy(model, options.store)),
    }
  }

export const memory = refreshed('memory', { confirmed: false })
export const redis = refreshed('redis', { confirmed: false })

/** The same with nothing to confirm. */
export const memoryConfirmed = refreshed('memory')
export const redisConfirmed = refreshed('redis')

/** The same with nothing to confirm, and one `compareAndSet` of the session's record by hand. */
export const memoryWriting = refreshed('memory', { writes: true })
export const redisWriting = refreshed('redis', { writes: true })

async function refreshOnce(authx: AuthX, store: TokenStore, confirmed: boolean): Promise<Refreshed> {
  const { refresh_token } = await authx.createTokenPair('user')
  const { access_token: token = '' } = await authx.refresh(requestWith(refresh_token))
  if (confirmed) await authx.accessTokenRequired()(requestWith(token), async () => {})
  // Not `authx.verifyToken`, which confirms.
  const claims = jsonwebtoken.verify(token, SECRET_KEY) as { readonly sid: string }
  const [record = ''] = await store.get([`session:${claims.sid}`])
  return { claims, record }
}

/** The same session and token under other ids: so many refreshes would take minutes. */
async function copy({ claims, record }: Refreshed, store: TokenStore): Promise<string> {
  const sid = randomUUID()
  await write(store, sid, undefined, record)
  return jsonwebtoken.sign({ ...claims, sid, jti: randomUUID() }, SECRET_KEY, { algorithm: 'HS256' })
}

const writing =
  (store: TokenStore, { record }: Refreshed): Guard =>
  async (ctx, next) => {
    // JSON may end in a space.
    await write(store, ctx.state.token.sid, record, `${record} `)
    await next()
  }

async function write(store: TokenStore, sid: string, before: string | undefined, record: string): Promise<void> {
  const written = await store.compareAndSet(`session:${sid}`, before, record, new Date(Date.now() + DAY))
  if (!written) throw new Error('Somebody else wrote')
}

/** The context of a request that carries a token. */
function requestWith(token: string): Context {
  const request = new IncomingMessage(new Socket())
  request.headers = { authorization: `Bearer ${token}` }
  return new Koa().createContext(request, new ServerResponse(request))
}
