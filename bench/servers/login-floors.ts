/**
 * What logins of one subject cannot do without: a Koa route that makes the same calls of the same store as the library.
 * Logins that wait for the list at the same time are written to it together.
 */
import Router from '@koa/router'
import Koa from 'koa'
import type { TokenStore } from 'koa-authx'
import { LOOPBACK } from './common.js'
import { begin, endOf, logout, newSession, pair, type Session, write } from './floors.js'
import type { StartVariant } from './protocol.js'
import { openStore, type StoreKind } from './stores.js'

type Listing = readonly (readonly [sid: string, end: number])[]

/** A list that is longer than `most` is cut to the newest `kept`. */
interface Limit {
  readonly most: number
  readonly kept: number
  /** Whether the sessions that are cut off end. */
  readonly ends: boolean
}

const UNLIMITED: Limit = { most: 700, kept: 500, ends: false }
const OF_FIVE: Limit = { most: 5, kept: 5, ends: true }
const RECORDS_AT_ONCE = 50
const SUB = 'user0'

const loginFloor =
  (kind: StoreKind, limit: Limit): StartVariant =>
  settings => {
    const store = openStore(kind, settings)
    const enlist = together<Session>(sessions => addToList(store, sessions, limit))
    const router = new Router()
    router.post('/login', async ctx => {
      const session = newSession(SUB)
      await begin(store, session)
      await enlist(session)
      ctx.body = pair(session)
    })
    return { server: new Koa().use(router.routes()).listen(0, LOOPBACK) }
  }

export const memory = loginFloor('memory', UNLIMITED)
export const sqlite = loginFloor('sqlite', UNLIMITED)
export const redis = loginFloor('redis', UNLIMITED)
export const memoryOfFive = loginFloor('memory', OF_FIVE)
export const sqliteOfFive = loginFloor('sqlite', OF_FIVE)
export const redisOfFive = loginFloor('redis', OF_FIVE)

/** The list is read and written. If it is too long, the records of its sessions are read before. */
async function addToList(store: TokenStore, sessions: readonly Session[], { most, kept, ends }: Limit): Promise<void> {
  const key = `sessions:${SUB}`
  const [raw] = await store.get([key])
  const before = JSON.parse(raw ?? '[]') as Listing
  const list = [...before, ...sessions.map(session => [session.sid, endOf(session)] as const)]
  const isTooLong = list.length > most
  if (isTooLong) await readRecords(store, before)
  await write(store, key, raw, JSON.stringify(isTooLong ? list.slice(-kept) : list))
  if (!isTooLong || !ends) return
  await Promise.all(list.slice(0, -kept).map(([sid]) => end(store, sid)))
}

async function readRecords(store: TokenStore, list: Listing): Promise<void> {
  await store.get([`subject:${SUB}`])
  for (let n = 0; n < list.length; n += RECORDS_AT_ONCE) {
    await store.get(list.slice(n, n + RECORDS_AT_ONCE).map(([sid]) => `session:${sid}`))
  }
}

async function end(store: TokenStore, sid: string): Promise<void> {
  await store.get([`subject:${SUB}`])
  await logout(store, { sid })
}

/** Calls that come while `run` works are its next ones, all at once. */
function together<T>(run: (items: readonly T[]) => Promise<void>): (item: T) => Promise<void> {
  let waiting: T[] = []
  let last = Promise.resolve()
  const runAll = () => {
    const items = waiting
    waiting = []
    return run(items)
  }
  return item => {
    waiting.push(item)
    if (waiting.length === 1) last = last.then(runAll)
    return last
  }
}
