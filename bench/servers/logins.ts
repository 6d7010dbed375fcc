import Router from '@koa/router'
import { AuthX, type TokenStore } from 'koa-authx'
import { begin, endOf, newSession, pair, type Session, write } from './flow-floors.js'
import { serveRoutes } from './koa.js'
import type { Settings, StartVariant } from './protocol.js'
import { onStore, openStore, type StoreKind } from './stores.js'

/** A list with more than 700 sessions is cut to the newest 500. */
const [MOST, KEPT] = [700, 500]
const RECORDS_AT_ONCE = 50

/** Logins of `size` subjects in turn. */
function serve(login: (sub: string) => Promise<unknown>, { size }: Settings) {
  let count = 0
  const router = new Router()
  router.post('/login', async ctx => {
    ctx.body = await login(`user${count++ % size}`)
  })
  return { server: serveRoutes(router) }
}

const logins =
  (kind: StoreKind): StartVariant =>
  settings => {
    const authx = new AuthX(onStore(kind, settings))
    return serve(sub => authx.createTokenPair(sub), settings)
  }

/** The same calls of the same store. Logins of a subject that wait for its list are written together. */
const floor =
  (kind: StoreKind): StartVariant =>
  settings => {
    const store = openStore(kind, settings)
    const enlist = together(sessions => addToList(store, sessions))
    const login = async (sub: string) => {
      const session = newSession(sub)
      await begin(store, session)
      await enlist(session)
      return pair(session)
    }
    return serve(login, settings)
  }

export const memory = logins('memory')
export const redis = logins('redis')
export const memoryFloor = floor('memory')
export const redisFloor = floor('redis')

/** Reads and writes the list of a subject. If it is too long, the records of its sessions are read before. */
async function addToList(store: TokenStore, sessions: readonly Session[]): Promise<void> {
  const { sub } = sessions[0] as Session
  const key = `sessions:${sub}`
  const [raw] = await store.get([key])
  const before = JSON.parse(raw ?? '[]') as [sid: string, end: number][]
  const list = [...before, ...sessions.map(session => [session.sid, endOf(session)])]
  const isTooLong = list.length > MOST
  if (isTooLong) await readRecords(store, sub, before)
  await write(store, key, raw, JSON.stringify(isTooLong ? list.slice(-KEPT) : list))
}

async function readRecords(store: TokenStore, sub: string, list: readonly (readonly [string, number])[]) {
  await store.get([`subject:${sub}`])
  for (let n = 0; n < list.length; n += RECORDS_AT_ONCE) {
    await store.get(list.slice(n, n + RECORDS_AT_ONCE).map(([sid]) => `session:${sid}`))
  }
}

interface Queue {
  waiting: Session[]
  last: Promise<void>
}

/** For each subject: while `run` works, further calls wait, and are then served together. */
function together(run: (sessions: readonly Session[]) => Promise<void>): (session: Session) => Promise<void> {
  const queues = new Map<string, Queue>()
  return session => {
    const queue = queues.get(session.sub) ?? { waiting: [], last: Promise.resolve() }
    queues.set(session.sub, queue)
    queue.waiting.push(session)
    if (queue.waiting.length === 1)
      queue.last = queue.last.then(() => {
        const sessions = queue.waiting
        queue.waiting = []
        return run(sessions)
      })
    return queue.last
  }
}
