import pg from 'pg'
import { PostgresTokenStore } from '../../../stores/postgres.js'
import { type PostgresServer, startPostgres } from '../../support/postgres.js'
import { type TcpProxy, tcpProxy } from '../../support/tcp-proxy.js'
import { until } from '../../support/until.js'
import type { Topology } from './topology.js'

/** The addresses of a primary: the servers that ask it, and its standbys, know nothing else, and an operator moves them. */
export interface Addresses {
  readonly clients: TcpProxy
  readonly standbys: TcpProxy
}

export interface PostgresTopology extends Topology<PostgresServer> {
  readonly addresses: Addresses
}

/** A primary and two standbys, of which an operator promotes one when the primary is away. */
export const asynchronous = (): Promise<PostgresTopology> => postgresTopology('asynchronous standbys', true, {})

/** So that every acknowledged write is at one of them at least. */
export const synchronous = (): Promise<PostgresTopology> =>
  postgresTopology('synchronous standbys', false, { synchronous_standby_names: 'ANY 1 (*)' })

async function postgresTopology(
  name: string,
  loses: boolean,
  more: Readonly<Record<string, string>>,
): Promise<PostgresTopology> {
  const settings = { ...more, wal_retrieve_retry_interval: '100ms', max_connections: '200' }
  const first = await startPostgres({ settings })
  const addresses = { clients: await tcpProxy(first.port), standbys: await tcpProxy(first.port) }
  const group = new Group(first, addresses)
  await group.add()
  await group.add()
  const url = `postgres://postgres@127.0.0.1:${addresses.clients.port}/postgres`
  return {
    name,
    loses,
    addresses,
    backend: { kind: 'postgres', at: url },
    connect: async () => {
      const pool = new pg.Pool({ connectionString: url })
      return { open: options => new PostgresTokenStore(pool, options), close: () => pool.end() }
    },
    masterOf: async () => group.primary,
    replicasOf: async () => group.standbys,
    upToDate: () => group.upToDate(),
    cutOff: addresses.standbys.isolate,
    // It ends when its standbys have all that it has written.
    handOver: primary => primary.shutDown(),
    replaced: () => group.failOver(),
    restore: node => group.takeBack(node),
    whole: () => group.upToDate(),
    stop: () => group.stop(),
  }
}

/** Servers, and the operator who looks after them. */
class Group {
  primary: PostgresServer
  standbys: PostgresServer[] = []
  readonly #addresses: Addresses

  constructor(primary: PostgresServer, addresses: Addresses) {
    this.primary = primary
    this.#addresses = addresses
  }

  async add(): Promise<void> {
    const primary_conninfo = `host=127.0.0.1 port=${this.#addresses.standbys.port} user=postgres`
    this.standbys.push(await this.primary.standby({ primary_conninfo }))
    await this.upToDate()
  }

  async upToDate(): Promise<void> {
    const [row] = await this.primary.query('SELECT pg_current_wal_lsn()::text AS lsn')
    const connected = `SELECT FROM pg_stat_replication WHERE state = 'streaming' AND flush_lsn >= '${row?.lsn}'`
    await until(async () => (await this.primary.query(connected)).length === this.standbys.length, 60_000)
  }

  /** First nobody reaches the former primary any more; then the standby that has most takes over, and the address moves. */
  async failOver(): Promise<PostgresServer> {
    const { clients, standbys } = this.#addresses
    clients.lead(undefined)
    standbys.lead(undefined)
    const next = await this.#furthest()
    await next.promote()
    this.standbys = this.standbys.filter(each => each !== next)
    this.primary = next
    standbys.heal()
    standbys.lead(next.port)
    clients.lead(next.port)
    return next
  }

  /** One that was the primary has writes that the others do not have: a new copy takes its place. */
  async takeBack(former: PostgresServer): Promise<void> {
    former.resume()
    await former.stop()
    await this.add()
  }

  async stop(): Promise<void> {
    this.#addresses.clients.close()
    this.#addresses.standbys.close()
    for (const node of [...this.standbys, this.primary]) await node.stop()
  }

  async #furthest(): Promise<PostgresServer> {
    const places = await Promise.all(this.standbys.map(async node => ({ node, at: await placeOf(node) })))
    const [first] = places.sort((one, other) => (one.at < other.at ? 1 : -1))
    return (first as { node: PostgresServer }).node
  }
}

/** How much a standby has, once it receives nothing any more. */
async function placeOf({ query }: PostgresServer): Promise<bigint> {
  await until(async () => (await query("SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming'")).length === 0)
  const [row] = await query(
    "SELECT (greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) - '0/0'::pg_lsn)::text AS place",
  )
  return BigInt(String(row?.place))
}
