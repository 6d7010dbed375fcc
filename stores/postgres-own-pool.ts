import type { Socket } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import pg from 'pg'
import { Deadline } from '../src/time/deadline.js'
import type { PostgresPool } from './postgres-client.js'
import { outOfReach, type PostgresStoreError } from './postgres-reason.js'

/** Options of a Pool of pg, for a pool that the store makes. The store gives them to pg as they are. */
export interface PostgresPoolOptions {
  /** `postgres://user:password@host:port/database`. */
  connectionString?: string
  /** Host name, address, or folder of the Unix socket. Default: `PGHOST`, otherwise localhost. */
  host?: string
  /** Default: `PGPORT`, otherwise 5432. */
  port?: number | undefined
  /** Default: `PGDATABASE`, otherwise the user. */
  database?: string
  /** Default: `PGUSER`, otherwise the user of the process. */
  user?: string
  /** The password, or a function that returns it, called for each connection. Default: `PGPASSWORD`. */
  password?: string | (() => string | Promise<string>) | undefined
  /** `true`, or options of TLS such as `{ ca }`. Default: `PGSSLMODE`, otherwise no TLS. */
  ssl?: boolean | ConnectionOptions | undefined
  /** `direct` starts TLS without asking the server first. */
  sslnegotiation?: 'postgres' | 'direct' | undefined
  /** The maximum number of connections of this process. Default 10. */
  max?: number | undefined
  /** The number of connections that stay open when they are idle. Default 0. */
  min?: number | undefined
  /** A connection is replaced after so many uses. Default: never. */
  maxUses?: number | undefined
  /** A connection is replaced after so many seconds. Default: never. */
  maxLifetimeSeconds?: number | undefined
  /** Milliseconds after which an idle connection is closed. Default 10000. */
  idleTimeoutMillis?: number | undefined
  /**
   * Milliseconds after which an attempt to connect is given up, and a wait for a
   * connection. Time in which the event loop is blocked counts. Default: 3000, and such time does not count.
   */
  connectionTimeoutMillis?: number | undefined
  /** Whether the process may end while connections are idle. Default `false`. */
  allowExitOnIdle?: boolean | undefined
  /** Whether the system checks idle connections. Default `true`. */
  keepAlive?: boolean | undefined
  /** Milliseconds until the first of these checks. */
  keepAliveInitialDelayMillis?: number | undefined
  /** The name that pg_stat_activity shows. Default: `koa-authx`. */
  application_name?: string | undefined
  /** Like `application_name`, if that and `PGAPPNAME` are not set. */
  fallback_application_name?: string | undefined
  /** The store sets its own limit in each statement. */
  statement_timeout?: number | undefined
  /** The store sets its own limit in each statement. */
  lock_timeout?: number | undefined
  /** Milliseconds after which pg itself gives up an answer. Default: never, because the store has its own limit. */
  query_timeout?: number | undefined
  /** Milliseconds. The store leaves no transaction open. */
  idle_in_transaction_session_timeout?: number | undefined
  /** Settings of the session, as in `-c name=value`. PgBouncer may refuse them. */
  options?: string | undefined
  /** Whether to bind the password check to the TLS connection. Default `false`. */
  enableChannelBinding?: boolean | undefined
  /** Called with each new connection. */
  onConnect?: ((client: never) => unknown) | undefined
  /** Called with each new connection; its callback gets an error if the connection must not be used. */
  verify?: ((client: never, callback: (error?: Error) => void) => void) | undefined
  /** Called with messages of the pool. */
  log?: ((...messages: unknown[]) => void) | undefined
}

/** How long an attempt to connect may take, in milliseconds. While it lasts it takes the place of a connection. */
const CONNECT_MS = 3000
/** How long the server may take to close the connections, in milliseconds. */
const END_MS = 1000

/** Sockets of the connections of a pool. */
type Sockets = Set<Socket>

/** A pool that the store makes, and ends. */
export class OwnPool {
  readonly pool: PostgresPool
  readonly #sockets: Sockets = new Set()

  constructor(connect: string | PostgresPoolOptions) {
    const options = typeof connect === 'string' ? { connectionString: connect } : connect
    const config = {
      keepAlive: true,
      fallback_application_name: 'koa-authx',
      ...options,
      Client: clientWith(this.#sockets),
    } as pg.PoolConfig
    checkConfig(config)
    this.pool = new pg.Pool(config)
  }

  /** Closes the connections. After a second it does not wait any longer: the server may be frozen. */
  async end(): Promise<void> {
    const wait = new Deadline(END_MS).wait(() => {
      for (const socket of this.#sockets) socket.destroy()
    })
    await this.pool.end().catch(() => {
      // It was ended before.
    })
    wait.end()
  }
}

/**
 * The class of connections that are given up if they are not made in time. pg's own limit also counts time in which the
 * event loop is blocked.
 */
function clientWith(sockets: Sockets): unknown {
  return class extends (pg.Client as unknown as ClientClass) {
    override connect(callback: Callback): void {
      const socket = this.connection.stream
      sockets.add(socket.once('close', () => sockets.delete(socket)))
      const wait = new Deadline(CONNECT_MS, noConnection).wait(error => socket.destroy(error))
      super.connect((...args) => {
        wait.end()
        callback(...args)
      })
    }
  }
}

function noConnection(milliseconds: number): PostgresStoreError {
  return outOfReach(`no connection within ${milliseconds} ms`)
}

type Callback = (...args: unknown[]) => void

/** The class Client of pg, as its Pool uses it. `connection.stream` is the socket, before TLS begins too. */
type ClientClass = new (
  config?: unknown,
) => { connect(callback: Callback): void; readonly connection: { readonly stream: Socket } }

/** pg reads its options only when it connects. Its errors contain the whole url, including the password. */
function checkConfig(config: pg.PoolConfig): void {
  try {
    new pg.Client(config)
  } catch {
    throw new TypeError(
      'PostgresTokenStore: the url (postgres://[user[:password]@]host[:port]/database) or an option is wrong',
    )
  }
}
