import { createClient } from '@keyv/redis'
import { sqliteDriver } from '../../../stores/sqlite-driver.js'
import { ask } from '../../support/postgres.js'
import type { SharedBackend } from '../../support/store-kinds.js'
import type { ApiProcess } from './fleet.js'
import type { LocalBackend } from './server.js'

/** How much a store holds, expired records included that have not gone away. */
export interface Content {
  readonly records: number
  /** Of these, the sessions and tombstones: a list of sessions may be missing where the store had no time for it. */
  readonly sessions: number
  /** In all their values together. */
  readonly characters: number
}

/** Counted from outside, so that nothing is read and nothing goes away for having been read. */
export async function contentOf(backend: SharedBackend | LocalBackend, server?: ApiProcess): Promise<Content> {
  if (backend.kind === 'sqlite') return inFile(backend.at)
  if (backend.kind === 'redis') return inRedis(backend.at)
  if (backend.kind === 'postgres') return inTable(backend.at)
  if (!server) throw new Error('what a process keeps to itself, only the process can count')
  return (await server.figures()).content
}

function inFile(path: string): Content {
  const database = sqliteDriver()(path)
  const counted = `SELECT count(*) AS records, count(CASE WHEN key LIKE '%:session:%' THEN 1 END) AS sessions,
    coalesce(sum(length(value)), 0) AS characters FROM koa_authx`
  const content = database.prepare(counted).get() as Content
  database.close()
  return content
}

async function inTable(url: string): Promise<Content> {
  const counted = `SELECT count(*)::int AS records, count(*) FILTER (WHERE key LIKE '%:session:%')::int AS sessions,
    coalesce(sum(length(value)), 0)::int AS characters FROM koa_authx`
  const [content] = await ask(url, counted)
  return content as unknown as Content
}

/** DBSIZE counts expired records too, KEYS does not name them: looking at one would take it away. */
const COUNT = `
local characters = 0
for _, key in ipairs(redis.call('KEYS', '*')) do characters = characters + redis.call('STRLEN', key) end
return {redis.call('DBSIZE'), #redis.call('KEYS', '*:session:*'), characters}`

async function inRedis(url: string): Promise<Content> {
  const client = createClient({ url })
  await client.connect()
  const [records = 0, sessions = 0, characters = 0] = (await client.eval(COUNT)) as number[]
  client.destroy()
  return { records, sessions, characters }
}
