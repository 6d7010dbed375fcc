import { isPlainObject, notAnOption } from './options.js'
import { isPool, type PostgresPool } from './postgres-client.js'
import type { PostgresPoolOptions } from './postgres-own-pool.js'
import type { PostgresTable } from './postgres-sql.js'

const STORE = 'PostgresTokenStore'

const TAKES = "takes a url ('postgres://localhost/app', a string), options of a Pool of pg, or a Pool of pg 8"

/** All options that a Pool of pg takes. The store rejects all others: pg ignores them, and could connect to localhost. */
const POOL_OPTIONS: Record<keyof PostgresPoolOptions, true> = {
  connectionString: true,
  host: true,
  port: true,
  database: true,
  user: true,
  password: true,
  ssl: true,
  sslnegotiation: true,
  max: true,
  min: true,
  maxUses: true,
  maxLifetimeSeconds: true,
  idleTimeoutMillis: true,
  connectionTimeoutMillis: true,
  allowExitOnIdle: true,
  keepAlive: true,
  keepAliveInitialDelayMillis: true,
  application_name: true,
  fallback_application_name: true,
  statement_timeout: true,
  lock_timeout: true,
  query_timeout: true,
  idle_in_transaction_session_timeout: true,
  options: true,
  enableChannelBinding: true,
  onConnect: true,
  verify: true,
  log: true,
}

const SECOND_FORM = 'it belongs in the second argument'

/** Names that other packages use, and names that belong elsewhere in the arguments, with what to write instead. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  url: 'write connectionString',
  uri: 'write connectionString',
  hostname: 'write host',
  server: 'write host',
  path: 'write host: the folder of the socket',
  db: 'write database',
  dbname: 'write database',
  username: 'write user',
  role: 'write user',
  pass: 'write password',
  tls: 'write ssl',
  sslmode: 'write ssl',
  pool: 'give the pool itself, not an object that holds it',
  client: 'give a Pool itself, not an object that holds a client',
  poolSize: 'write max',
  client_encoding: 'the store needs UTF-8',
  pipeline: 'a connection of the store does one thing at a time',
  table: SECOND_FORM,
  schema: SECOND_FORM,
  prefix: SECOND_FORM,
  timeout: SECOND_FORM,
  createTable: SECOND_FORM,
}

/** Checks `connect`. @throws TypeError if the store cannot connect with it, or would connect to the wrong server. */
export function checkConnect(connect: unknown): void {
  if (typeof connect === 'string' && connect !== '') checkUrl(connect)
  else if (isPool(connect)) checkPool(connect)
  else if (isPlainObject(connect)) checkOptions(connect as Record<string, unknown>)
  else throw new TypeError(`${STORE} ${TAKES}${instead(connect)}`)
}

/** Checks the names of the table and its schema. @throws TypeError */
export function checkedTable(table: unknown = 'koa_authx', schema?: unknown): PostgresTable {
  const name = checkedName('table', table)
  if (schema !== undefined) return { table: name, schema: checkedName('schema', schema) }
  const [before, after, ...more] = name.split('.')
  if (before && after && more.length === 0) {
    const both = `{ schema: ${JSON.stringify(before)}, table: ${JSON.stringify(after)} }`
    throw new TypeError(`${STORE}: table is one name, without a schema; write ${both}`)
  }
  return { table: name }
}

export function checkedCreateTable(createTable: unknown = true): boolean {
  if (typeof createTable === 'boolean') return createTable
  throw new TypeError(`${STORE}: createTable must be true or false`)
}

/** PostgreSQL shortens longer names, so two of them could mean the same table. */
function checkedName(option: string, name: unknown): string {
  const isName = typeof name === 'string' && name !== '' && !name.includes('\0') && Buffer.byteLength(name) <= 63
  if (isName) return name
  throw new TypeError(`${STORE}: ${option} must be a name of 1 to 63 bytes`)
}

function instead(connect: unknown): string {
  const { connect: connects, query } = (connect ?? {}) as Record<string, unknown>
  if (typeof connects !== 'function' || typeof query !== 'function') return ''
  return '. With a single Client, transactions of the application would contain the writes of the store'
}

function checkPool(pool: PostgresPool): void {
  if (pool.ended || pool.ending) throw new TypeError(`${STORE}: the pool has been ended`)
}

function checkUrl(url: string): void {
  if (/^postgres(ql)?:\/\//i.test(url)) return
  throw new TypeError(`${STORE}: the url must begin with postgres:// or postgresql://`)
}

function checkOptions(options: Record<string, unknown>): void {
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(POOL_OPTIONS, name)) throw new TypeError(`${STORE}: ${notTaken(name)}`)
  }
  // With `undefined`, for example from an environment variable that is not set, pg would connect to localhost.
  for (const name of ['connectionString', 'host', 'database', 'user'] as const) checkText(options, name)
  const { connectionString } = options
  if (typeof connectionString === 'string') checkUrl(connectionString)
}

function checkText(options: Record<string, unknown>, name: string): void {
  const value = options[name]
  if (!(name in options) || (typeof value === 'string' && value !== '')) return
  throw new TypeError(`${STORE}: ${name} must be a non-empty string`)
}

function notTaken(name: string): string {
  const elsewhere = Object.keys(ELSEWHERE).find(each => each.toLowerCase() === name.toLowerCase())
  if (elsewhere === undefined) return notAnOption(name, Object.keys(POOL_OPTIONS), 'it takes those of a Pool of pg')
  return `${JSON.stringify(name)} is not an option of a Pool of pg; ${ELSEWHERE[elsewhere]}`
}
