/** The floors of guards: the same I/O in the same manner, and nothing else. No floor uses koa-authx. */
import { join } from 'node:path'
import { createClient } from '@keyv/redis'
import pg from 'pg'
import { ANYBODY } from './common.js'
import { type Guard, serveKoa } from './koa.js'
import type { Settings, StartVariant } from './protocol.js'
import { openSqlite } from './sqlite.js'
import { endOfTurn } from './turn.js'

/** A session has a record of about this size; most subjects have none. */
const RECORD = 'r'.repeat(400)
const [SESSION, SUBJECT] = [`session:${'0'.repeat(36)}`, `subject:${'0'.repeat(43)}`] as const

/** Asks for the records of a session and of its subject. */
type Ask = () => Promise<unknown>

const asking =
  (ask: Ask): Guard =>
  async (_, next) => {
    await ask()
    await next()
  }

/** A route that asks for the two records before it answers. */
const floor =
  (open: (settings: Settings) => Ask | Promise<Ask>): StartVariant =>
  async settings => ({ server: serveKoa([asking(await open(settings))]) })

export function askMemory(): Ask {
  const records = new Map<string, string>([[SESSION, RECORD]])
  return async () => {
    await endOfTurn()
    return [records.get(SESSION), records.get(SUBJECT)]
  }
}

function askSqlite({ folder }: Settings): Ask {
  const database = openSqlite(join(folder, 'floor.sqlite'))
  database.exec('CREATE TABLE records (key TEXT PRIMARY KEY, value TEXT, expires INTEGER) WITHOUT ROWID')
  const expires = Date.now() + 86_400_000
  database.prepare('INSERT INTO records VALUES (?, ?, ?)').run(SESSION, RECORD, expires)
  const one = 'SELECT value FROM records WHERE key = ? AND expires > ?'
  const pair = database.prepare(`SELECT (${one}) AS first, (${one}) AS second`)
  return async () => {
    await endOfTurn()
    const now = Date.now()
    return pair.get(SESSION, now, SUBJECT, now)
  }
}

/** Two GETs in one round trip, as the Redis store sends them. */
export async function askRedis({ redisUrl }: Settings): Promise<Ask> {
  const client = createClient({ url: redisUrl })
  await client.connect()
  await client.set(SESSION, RECORD)
  return () => Promise.all([client.sendCommand(['GET', SESSION]), client.sendCommand(['GET', SUBJECT])])
}

/** One statement for all requests of a turn of the event loop, as the PostgreSQL store sends it. */
async function askPostgres({ postgresUrl }: Settings): Promise<Ask> {
  const pool = new pg.Pool({ connectionString: postgresUrl })
  const table = `floor_${process.pid}`
  await pool.query(`CREATE TABLE ${table} (key text COLLATE "C" PRIMARY KEY, value bytea, expires timestamptz)`)
  await pool.query(`INSERT INTO ${table} VALUES ($1, $2, now() + interval '1 day')`, [SESSION, Buffer.from(RECORD)])
  const text = `SELECT key, value FROM ${table} WHERE key = ANY ($1) AND expires > clock_timestamp()`
  let answer: Promise<unknown> | undefined
  const send = async () => {
    await endOfTurn()
    answer = undefined
    return pool.query(text, [[SESSION, SUBJECT]])
  }
  return () => {
    answer ??= send()
    return answer
  }
}

export const memory = floor(askMemory)
export const sqlite = floor(askSqlite)
export const redis = floor(askRedis)
export const postgres = floor(askPostgres)

const readsCookie: Guard = (ctx, next) => {
  ctx.cookies.get('access_token_cookie')
  return next()
}

export const cookie: StartVariant = () => ({ server: serveKoa([readsCookie]) })
export const cookieAndMemory: StartVariant = () => ({ server: serveKoa([readsCookie, asking(askMemory())]) })

/** The subject getter of authx/subject. */
export const findSubject = async (sub: string) => ({ name: sub })

export const subject: StartVariant = () => ({
  server: serveKoa([
    async (ctx, next) => {
      ctx.state.subject = await findSubject(ANYBODY)
      await next()
    },
  ]),
})
