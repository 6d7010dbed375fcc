import Router from '@koa/router'
import { AuthX, type TokenStore } from 'koa-authx'
import { ANYBODY } from './common.js'
import { write } from './flow-floors.js'
import { serveRoutes } from './koa.js'
import type { Settings, StartVariant } from './protocol.js'
import { onStore, openStore, type StoreKind, times } from './stores.js'

const DEVICE = { name: 'Kitchen tablet', userAgent: 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101' }
const RECORDS_AT_ONCE = 50
/** Simultaneous calls for one subject share their work: requests are for more subjects than there are connections. */
const SUBJECTS = { listed: 64, revoked: 1000 }

const inTurn = (subjects: number) => {
  let n = 0
  return () => `user${n++ % subjects}`
}

function serve(list: (sub: string) => unknown, revokeAll: (sub: string) => Promise<void>) {
  const [listed, revoked] = [inTurn(SUBJECTS.listed), inTurn(SUBJECTS.revoked)]
  const router = new Router()
  router.get('/sessions', async ctx => {
    ctx.type = 'json'
    ctx.body = await list(listed())
  })
  router.post('/revoke-all', async ctx => {
    await revokeAll(revoked())
    ctx.status = 204
  })
  return serveRoutes(router)
}

/** `listSessions` of subjects with `size` sessions each, and `revokeAllSessions` of others. */
const sessions =
  (kind: StoreKind): StartVariant =>
  async settings => {
    const authx = new AuthX(onStore(kind, settings))
    await fill(authx, settings)
    const server = serve(
      sub => authx.listSessions(`listed ${sub}`),
      sub => authx.revokeAllSessions(sub),
    )
    return { server }
  }

async function fill(authx: AuthX, { size }: Settings): Promise<void> {
  const { listed } = SUBJECTS
  await times(listed * size, n => authx.createTokenPair(`listed user${n % listed}`, { device: DEVICE }))
}

/** Makes the same calls of the store, and sends the JSON of as many sessions without making it. */
const floor =
  (kind: StoreKind): StartVariant =>
  async settings => {
    const store = openStore(kind, settings)
    const { size } = settings
    const keys = Array.from({ length: size }, (_, n) => `session:${String(n).padStart(36, '0')}`)
    await times(size, n => write(store, keys[n] as string, undefined, JSON.stringify({ device: DEVICE, pad: PADDING })))
    const entries = keys.map(key => [key.slice('session:'.length), Date.now()])
    await write(store, `sessions:${ANYBODY}`, undefined, JSON.stringify(entries))
    const body = JSON.stringify(keys.map(shownOf))
    const list = async () => {
      await readList(store, keys)
      return body
    }
    return { server: serve(list, sub => revokeAll(store, sub)) }
  }

const PADDING = 'p'.repeat(200)

function shownOf(key: string): object {
  const now = new Date()
  const times = { createdAt: now, lastActiveAt: now, expiresAt: now }
  return { sid: key.slice('session:'.length), sub: `listed ${ANYBODY}`, ...times, device: DEVICE }
}

async function readList(store: TokenStore, keys: readonly string[]): Promise<void> {
  await store.get([`sessions:${ANYBODY}`, `subject:${ANYBODY}`])
  for (let n = 0; n < keys.length; n += RECORDS_AT_ONCE) await store.get(keys.slice(n, n + RECORDS_AT_ONCE))
}

async function revokeAll(store: TokenStore, sub: string): Promise<void> {
  const [raw] = await store.get([`subject:${sub}`])
  await write(store, `subject:${sub}`, raw, JSON.stringify({ cutoff: Math.max(Date.now(), cutoffIn(raw) + 1) }))
}

const cutoffIn = (raw: string | undefined): number => (raw === undefined ? 0 : JSON.parse(raw).cutoff)

export const memory = sessions('memory')
export const redis = sessions('redis')
export const postgres = sessions('postgres')
export const memoryFloor = floor('memory')
export const redisFloor = floor('redis')
export const postgresFloor = floor('postgres')
