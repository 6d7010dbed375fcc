import { spawnSync } from 'node:child_process'
import pg from 'pg'
import { freePort } from '../../support/free-port.js'
import { type PostgresServer, type PostgresServerOptions, startPostgres } from '../../support/postgres.js'
import { unprivilegedUser } from '../../support/postgres-binary.js'
import { tcpProxy } from '../../support/tcp-proxy.js'
import { until } from '../../support/until.js'
import type { Fault, Stage } from './endure.js'
import { again, onTheWay } from './network.js'

type Prepare = () => Promise<Stage>

const on =
  (faults: (server: PostgresServer) => Fault[], options?: PostgresServerOptions): Prepare =>
  async () => {
    const server = await startPostgres(options)
    return { backend: { kind: 'postgres', at: server.url }, faults: faults(server), cleanUp: server.stop }
  }

const urlAt = (port: number) => `postgres://postgres@127.0.0.1:${port}/postgres`

/** Nothing listens when the server starts. */
export const absent: Prepare = async () => {
  const port = await freePort()
  let server: PostgresServer | undefined
  const end = async () => {
    server = await startPostgres({ port })
  }
  return {
    backend: { kind: 'postgres', at: urlAt(port) },
    faults: [{ name: 'not there', begin: () => {}, end }],
    fromTheStart: true,
    cleanUp: () => server?.stop(),
  }
}

/** All of it, or the process of one connection, which makes the server end all connections and recover. */
export const killed = on(server => [
  { name: 'killed', begin: server.kill, end: server.restart },
  { name: 'one process killed at a time', ...again(() => killOne(server), 200), partial: true },
])

async function killOne({ query, pids }: PostgresServer): Promise<void> {
  const rows = await query("SELECT pid FROM pg_stat_activity WHERE application_name = 'koa-authx' LIMIT 1").catch(
    () => [],
  )
  const pid = Number(rows[0]?.pid)
  if (pids().includes(pid)) process.kill(pid, 'SIGKILL')
}

export const frozen = on(server => [{ name: 'frozen', begin: server.pause, end: server.resume }])

/** Between the server and PostgreSQL stands somebody who does what networks do. */
export const network: Prepare = async () => {
  const server = await startPostgres()
  const proxy = await tcpProxy(server.port)
  const cleanUp = () => {
    proxy.close()
    return server.stop()
  }
  return { backend: { kind: 'postgres', at: urlAt(proxy.port) }, faults: onTheWay(proxy), cleanUp }
}

const MEGABYTE = 2 ** 20

/** The size of its segments, which are made one by one. */
const SMALL_LOG = ['--wal-segsize=1']

/** First there is room for the log and not for the table; then for neither, and the server ends itself. */
export const full = on(
  server => [
    {
      name: 'no room for the table',
      begin: async () => {
        limit(server, String(MEGABYTE))
        await fill(server)
      },
      end: () => {
        limit(server, 'unlimited')
        return server.query("DELETE FROM koa_authx WHERE key LIKE 'of another application%'")
      },
      readsGoOn: true,
      partial: true,
    },
    {
      name: 'no room for the log',
      begin: () => limit(server, '8192'),
      end: server.restart,
    },
  ],
  { initdb: SMALL_LOG },
)

/** The largest file that the server may write, which PostgreSQL takes for a disk that is full. */
function limit({ pid, pids }: PostgresServer, bytes: string): void {
  const failed = (each: number) => {
    const args = ['--pid', String(each), `--fsize=${bytes}:unlimited`]
    // As the server's user: root needs a permission of its own for the processes of others.
    const { status, error } = spawnSync('prlimit', args, unprivilegedUser())
    return status === 0 ? undefined : (error ?? new Error(`prlimit ended with ${status}`))
  }
  const cause = failed(pid)
  if (cause) throw new Error('prlimit (Debian: util-linux) is needed to fill a disk', { cause })
  // Those that it starts have its limit. Of the others some may be gone.
  for (const each of pids()) failed(each)
}

/** Somebody else's rows take all the room that the table has. */
async function fill(server: PostgresServer): Promise<void> {
  const client = new pg.Client(server.url)
  await client.connect()
  for (const bytes of [2000, 200]) {
    const rows = `SELECT 'of another application ' || gen_random_uuid(), decode(repeat('ab', ${bytes}), 'hex'), now() + interval '1 day' FROM generate_series(1, 100)`
    for (let isFull = false; !isFull; ) {
      await client.query(`INSERT INTO koa_authx ${rows}`).catch((error: Error) => {
        if (!/could not extend file/.test(error.message)) throw error
        isFull = true
      })
    }
  }
  await client.end()
}

/** Writes are forbidden by a setting, and then the address leads to a standby. */
export const readOnly: Prepare = async () => {
  const server = await startPostgres()
  const standby = await server.standby()
  const proxy = await tcpProxy(server.port)
  const faults: Fault[] = [
    {
      name: 'read-only',
      begin: () => set(server, 'default_transaction_read_only', 'on'),
      end: () => set(server, 'default_transaction_read_only', 'off'),
      readsGoOn: true,
    },
    {
      name: 'at a standby',
      begin: () => proxy.lead(standby.port),
      end: () => proxy.lead(server.port),
    },
    {
      name: 'waiting for a synchronous standby',
      begin: () => set(server, 'synchronous_standby_names', 'nobody'),
      end: async () => {
        await set(server, 'synchronous_standby_names', '')
        await done(server)
      },
      readsGoOn: true,
      lingers: true,
    },
  ]
  const cleanUp = async () => {
    proxy.close()
    await standby.stop()
    await server.stop()
  }
  return { backend: { kind: 'postgres', at: urlAt(proxy.port) }, faults, cleanUp }
}

/** Resolves when the setting holds for everybody who asks from now on. */
async function set(server: PostgresServer, name: string, value: string): Promise<void> {
  await server.query(`ALTER SYSTEM SET ${name} = '${value}'`)
  await server.query('SELECT pg_reload_conf()')
  await until(async () => {
    const [row] = await server.query(`SHOW ${name}`)
    return row?.[name] === value
  })
}

/** Resolves when all that had begun is over. */
async function done({ query }: PostgresServer): Promise<void> {
  const [row] = await query('SELECT clock_timestamp()::text AS now')
  await until(async () => {
    const open = await query(
      `SELECT FROM pg_stat_activity WHERE application_name = 'koa-authx' AND xact_start <= '${row?.now}'`,
    )
    return open.length === 0
  })
}

/** Others have all connections when the server starts, and later take whatever it does not hold. */
export const exhausted: Prepare = async () => {
  const settings = { max_connections: '12', superuser_reserved_connections: '0' }
  const server = await startPostgres({ settings })
  const others = new Others(server)
  const faults: Fault[] = [
    { name: 'all connections taken', begin: others.takeAll, end: others.leave },
    { name: 'all other connections taken', begin: others.takeAll, end: others.leave, harmless: true },
  ]
  const cleanUp = async () => {
    await others.leave()
    await server.stop()
  }
  return { backend: { kind: 'postgres', at: server.url }, faults, fromTheStart: true, cleanUp }
}

class Others {
  readonly #server: PostgresServer
  readonly #clients: pg.Client[] = []

  constructor(server: PostgresServer) {
    this.#server = server
  }

  takeAll = async (): Promise<void> => {
    for (;;) {
      const client = new pg.Client(this.#server.url)
      client.on('error', () => {})
      try {
        await client.connect()
        this.#clients.push(client)
      } catch (error) {
        if ((error as { code?: string }).code === '53300') return
        throw error
      }
    }
  }

  leave = async (): Promise<void> => {
    for (const client of this.#clients.splice(0)) await client.end()
  }
}

/** A transaction of somebody else's stays open and holds the table, first against everybody, then against writers, or its rows. */
export const locked = on(server => [
  { name: 'table locked', ...holding(server, 'LOCK TABLE koa_authx IN ACCESS EXCLUSIVE MODE') },
  { name: 'table locked for writing', ...holding(server, 'LOCK TABLE koa_authx IN EXCLUSIVE MODE'), readsGoOn: true },
  { name: 'rows locked', ...holding(server, 'SELECT FROM koa_authx FOR UPDATE'), readsGoOn: true, partial: true },
])

function holding(server: PostgresServer, sql: string): Pick<Fault, 'begin' | 'end'> {
  let client: pg.Client | undefined
  return {
    begin: async () => {
      client = new pg.Client(server.url)
      await client.connect()
      await client.query('BEGIN')
      await client.query(sql)
    },
    end: () => client?.end(),
  }
}
