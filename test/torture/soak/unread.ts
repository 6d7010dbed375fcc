import { join } from 'node:path'
import Keyv from 'keyv'
import type { TokenStore } from '../../../src/store.js'
import { KeyvTokenStore } from '../../../stores/keyv.js'
import { MemoryAdapter, type MemoryRecord, MemoryTokenStore } from '../../../stores/memory.js'
import { PostgresTokenStore } from '../../../stores/postgres.js'
import { RedisTokenStore } from '../../../stores/redis.js'
import { SqliteAdapter, SqliteTokenStore } from '../../../stores/sqlite.js'
import { startPostgres } from '../../support/postgres.js'
import { startRedis } from '../../support/redis.js'
import { temporaryFolder } from '../../support/temporary.js'
import { until } from '../../support/until.js'
import { Broken, type Outcome } from '../case.js'
import { contentOf } from '../fleet/content.js'
import { randomOf } from '../fleet/random.js'
import { several } from '../races/race.js'

/** A store, and how many records are in it, counted without reading one. */
interface Kind {
  readonly name: string
  readonly store: TokenStore
  readonly count: () => number | Promise<number>
  /** A Map keeps what nobody deletes, and KeyvTokenStore promises nothing else. */
  readonly keeps?: boolean
}

/** Milliseconds. A large MemoryTokenStore is swept within about a minute; the rest is for a busy machine. */
const LIMIT = 150_000
const AT_ONCE = 200
const VALUE = 'x'.repeat(300)

/** Put `records` records of four to six seconds into each store, and then ask for none of them. */
export async function unread(records: number): Promise<Outcome> {
  const broken = new Broken()
  const [redis, postgres] = await Promise.all([startRedis(), startPostgres()])
  const { folder, remove } = await temporaryFolder()
  const kinds = kindsOf(folder, redis.url, postgres.url)
  const seen = await Promise.all(kinds.map(kind => (kind.keeps ? kept : gone)(kind, records, broken)))
  await Promise.all([redis.stop(), postgres.stop()])
  await remove()
  return { count: records * kinds.length, seen: seen.join('; '), broken: broken.lines }
}

function kindsOf(folder: string, redis: string, postgres: string): Kind[] {
  const map = () => new Map<string, MemoryRecord>()
  const [own, adapted, plain] = [map(), map(), map()]
  const files = ['own.sqlite', 'adapted.sqlite'].map(name => join(folder, name)) as [string, string]
  const timeout = 10_000
  const inFile = (at: string) => async () => (await contentOf({ kind: 'sqlite', at })).records
  const inRedis = async () => (await contentOf({ kind: 'redis', at: redis })).records
  const inTable = async () => (await contentOf({ kind: 'postgres', at: postgres })).records
  const over = (store: unknown) => new KeyvTokenStore(new Keyv({ store, useKeyPrefix: false }), { timeout })
  return [
    { name: 'MemoryTokenStore', store: new MemoryTokenStore({ map: own }), count: () => own.size },
    { name: 'SqliteTokenStore', store: new SqliteTokenStore(files[0], { timeout }), count: inFile(files[0]) },
    { name: 'RedisTokenStore', store: new RedisTokenStore(redis, { timeout }), count: inRedis },
    { name: 'PostgresTokenStore', store: new PostgresTokenStore(postgres, { timeout }), count: inTable },
    { name: 'Keyv over MemoryAdapter', store: over(new MemoryAdapter(adapted)), count: () => adapted.size },
    { name: 'Keyv over SqliteAdapter', store: over(new SqliteAdapter(files[1], timeout)), count: inFile(files[1]) },
    { name: 'Keyv over a plain Map', store: over(plain), count: () => plain.size, keeps: true },
  ]
}

async function gone(kind: Kind, records: number, broken: Broken): Promise<string> {
  await fill(kind, records, broken)
  const began = performance.now()
  const isEmpty = async () => (await kind.count()) === 0
  await until(isEmpty, LIMIT).catch(() => broken.add(`${kind.name}: expired records stay where nobody reads them`))
  await kind.store.close?.()
  return `${kind.name}: gone after ${Math.round((performance.now() - began) / 1000)} s`
}

async function kept(kind: Kind, records: number, broken: Broken): Promise<string> {
  const keys = await fill(kind, records, broken)
  // Read one by one, the last to expire first: none may be good, whether or not it is still there.
  await until(async () => (await kind.store.get([keys.at(-1) as string]))[0] === undefined, LIMIT)
  const there = await kind.count()
  const values = await kind.store.get(keys)
  broken.unless(
    values.every(value => value === undefined),
    `${kind.name}: an expired record is read`,
  )
  return `${kind.name}: ${there} stay, as documented, and count as nothing`
}

/** The keys, the one that expires last at the end. */
async function fill({ name, store, count }: Kind, records: number, broken: Broken): Promise<string[]> {
  const random = randomOf(records)
  const keys = several(records, n => `session:${n}`)
  await until(async () => (await store.get(['session:0'])).length === 1)
  for (let from = 0; from < records; from += AT_ONCE) {
    const portion = keys.slice(from, from + AT_ONCE)
    const life = () => new Date(Date.now() + random.between(4000, 6000))
    const written = portion.map(key => store.compareAndSet(key, undefined, VALUE, life()))
    broken.unless((await Promise.all(written)).every(Boolean), `${name}: a record was not written`)
  }
  const last = 'session:last'
  await store.compareAndSet(last, undefined, VALUE, new Date(Date.now() + 7000))
  broken.unless((await count()) > 0, `${name}: nothing was there to go away`)
  return [...keys, last]
}
