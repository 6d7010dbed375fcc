import type { StoreFinding } from '../src/store.js'
import { LOST_LOGOUTS } from './check-words.js'
import { type ClockReading, clockFinding } from './clock-finding.js'
import type { PostgresSetting } from './postgres-inspection.js'

/** What was seen of a server. Names are quoted where needed. */
export interface PostgresSight {
  /** A number: 150004 is 15.4. */
  readonly version: number
  readonly isStandby: boolean
  readonly settings: Readonly<Record<PostgresSetting, string>>
  /** How many standbys receive the write-ahead log. Backups and logical subscribers do not count. */
  readonly receivers: number
  readonly role: string
  /** The schema where the table is, or would be created; `null` if there is none. */
  readonly schema: string | null
  readonly mayUse: boolean | null
  readonly mayCreate: boolean | null
  /** `null` if the table does not exist. */
  readonly table: PostgresTableSight | null
}

interface PostgresTableSight {
  readonly isView: boolean
  /** The names of the table and its partitions that are UNLOGGED. */
  readonly unlogged: readonly string[]
  /** The permissions that the role lacks. */
  readonly missing: readonly string[]
  /** Whether row-level security applies to the role. */
  readonly hidesRows: boolean
  /** The columns of the store that it has, with their types, in alphabetical order. */
  readonly columns: string | null
  readonly hasUniqueKey: boolean
}

export interface PostgresView {
  readonly seen: PostgresSight
  readonly clock: ClockReading
  /** The quoted name of the table. */
  readonly table: string
  /** Whether the store creates a table that does not exist. */
  readonly createsTable: boolean
}

const OLDEST = 130_000
const COLUMNS = 'expires timestamp with time zone, key text, value bytea'

/** What is wrong with a server, a role and a table. */
export function findingsOf(view: PostgresView): StoreFinding[] {
  return [
    version(view.seen),
    standby(view.seen),
    readOnly(view.seen),
    permission(view),
    hiddenRows(view),
    missingTable(view),
    otherTable(view),
    unlogged(view),
    crash(view.seen),
    tornPages(view.seen),
    commit(view.seen),
    replication(view.seen),
    log(view.seen),
    clockFinding('postgres-clock', 'PostgreSQL', view.clock),
  ].filter(finding => finding !== undefined)
}

function version({ version }: PostgresSight): StoreFinding | undefined {
  if (version >= OLDEST) return undefined
  const words = `This server is PostgreSQL ${Math.floor(version / 10_000)}. The store is made for version 13 and later`
  return {
    code: 'postgres-version',
    message: `${words}, and its requests may be answered with 503. Upgrade the server.`,
  }
}

function standby({ isStandby }: PostgresSight): StoreFinding | undefined {
  if (!isStandby) return undefined
  return {
    code: 'postgres-standby',
    message:
      'This server is a standby (it is in recovery). It may not know the latest logouts, so the store refuses it, and requests are answered with 503. Connect to the primary.',
  }
}

function readOnly({ settings, role }: PostgresSight): StoreFinding | undefined {
  if (settings.default_transaction_read_only !== 'on') return undefined
  return {
    code: 'postgres-read-only',
    message: `default_transaction_read_only is on, so logins, refreshes and logouts are answered with 503. Run: ALTER ROLE ${role} SET default_transaction_read_only = off`,
  }
}

function permission({ seen, table }: PostgresView): StoreFinding | undefined {
  const { role, schema, mayUse } = seen
  const missing = seen.table?.missing ?? []
  const grants = [
    ...(mayUse === false ? [`GRANT USAGE ON SCHEMA ${schema} TO ${role}`] : []),
    ...(missing.length > 0 ? [`GRANT ${missing.join(', ')} ON ${table} TO ${role}`] : []),
  ]
  if (grants.length === 0) return undefined
  return {
    code: 'postgres-permission',
    message: `The role ${role} lacks permissions. Requests that need them are answered with 503; without DELETE, expired records stay. Run: ${grants.join('; ')}`,
  }
}

function hiddenRows({ seen, table }: PostgresView): StoreFinding | undefined {
  if (!seen.table?.hidesRows) return undefined
  return {
    code: 'postgres-permission',
    message: `Row-level security of the table ${table} applies to the role ${seen.role}, so requests are answered with 503. Connect as the owner of the table, or run: ALTER TABLE ${table} DISABLE ROW LEVEL SECURITY`,
  }
}

function missingTable({ seen, table, createsTable }: PostgresView): StoreFinding | undefined {
  const { schema, mayCreate, role } = seen
  if (seen.table !== null || (createsTable && mayCreate)) return undefined
  const ddl = 'the statement in docs/stores.md'
  const [why, what] =
    schema === null
      ? [
          'its schema does not exist either, or the role may not use it',
          `Create the schema, or GRANT USAGE ON SCHEMA to the role ${role}, or set the option schema or the search_path of the role`,
        ]
      : createsTable
        ? [
            `the role ${role} may not create it`,
            `Create it with ${ddl}, or run: GRANT CREATE ON SCHEMA ${schema} TO ${role}`,
          ]
        : ['createTable is false', `Create it with ${ddl}`]
  const message = `The table ${table} does not exist, and ${why}. Requests are answered with 503. ${what}.`
  return { code: 'postgres-no-table', message }
}

function otherTable({ seen, table }: PostgresView): StoreFinding | undefined {
  if (seen.table === null || (seen.table.columns === COLUMNS && seen.table.hasUniqueKey)) return undefined
  const why =
    seen.table.columns !== COLUMNS
      ? 'is not one of this store, so requests can be answered with 503'
      : seen.table.isView
        ? 'is a view, so expired records are never deleted'
        : 'has no PRIMARY KEY (key), so requests are answered with 503'
  return {
    code: 'postgres-other-table',
    message: `The table ${table} ${why}. Set the option table to another name, or create the table with the statement in docs/stores.md.`,
  }
}

/**
 * The finding that a record could not be written, changed, read and deleted. `reason`: the message of the error;
 * `undefined` if there was none, but a statement did not find the record.
 */
export function trialFinding({ table }: PostgresView, reason: string | undefined): StoreFinding {
  const why = reason ?? 'A trigger or a rule hides or changes records'
  return {
    code: 'postgres-writes',
    message: `A record could not be written, changed, read and deleted in the table ${table}, so requests are answered with 503, or sessions are lost. ${why}. Correct this, or create the table with the statement in docs/stores.md.`,
  }
}

function unlogged({ seen }: PostgresView): StoreFinding | undefined {
  const names = seen.table?.unlogged ?? []
  if (names.length === 0) return undefined
  const changes = names.map(name => `ALTER TABLE ${name} SET LOGGED`)
  return {
    code: 'postgres-unlogged',
    message: `UNLOGGED: ${names.join(', ')}. After a crash such a table is empty, and so it is on a standby: all sessions end, and revoked tokens without a session are valid again. Run: ${changes.join('; ')}`,
  }
}

function crash({ settings }: PostgresSight): StoreFinding | undefined {
  if (settings.fsync === 'on') return undefined
  return {
    code: 'postgres-fsync',
    message:
      'fsync is off, so a power cut can damage the database: all sessions and logouts can be lost. Run: ALTER SYSTEM SET fsync = on; SELECT pg_reload_conf()',
  }
}

function tornPages({ settings }: PostgresSight): StoreFinding | undefined {
  if (settings.full_page_writes === 'on') return undefined
  return {
    code: 'postgres-full-page-writes',
    message:
      'full_page_writes is off, so a power cut can damage the table, unless the file system never writes half a page (ZFS). Run: ALTER SYSTEM SET full_page_writes = on; SELECT pg_reload_conf()',
  }
}

function commit({ settings, role }: PostgresSight): StoreFinding | undefined {
  if (settings.synchronous_commit !== 'off') return undefined
  return {
    code: 'postgres-synchronous-commit',
    message: `synchronous_commit is off, so a crash loses the last writes, of about half a second: ${LOST_LOGOUTS}. Run: ALTER ROLE ${role} SET synchronous_commit = on`,
  }
}

function replication({ isStandby, receivers, settings, role }: PostgresSight): StoreFinding | undefined {
  if (isStandby || receivers === 0) return undefined
  if (settings.synchronous_standby_names !== '')
    return settings.synchronous_commit === 'local' ? local(role) : undefined
  return {
    code: 'postgres-replication',
    message: `No standby is synchronous, so a failover loses the last writes: ${LOST_LOGOUTS}. Run, with the names of your standbys: ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (a, b)'; SELECT pg_reload_conf()`,
  }
}

function local(role: string): StoreFinding {
  return {
    code: 'postgres-replication',
    message: `synchronous_commit is local, so writes wait for no standby, and a failover loses the last ones: ${LOST_LOGOUTS}. Run: ALTER ROLE ${role} SET synchronous_commit = on`,
  }
}

function log({ settings, role }: PostgresSight): StoreFinding | undefined {
  const names = (['log_statement', 'log_min_duration_statement'] as const).filter(
    name => LOGS_ALL[name] === settings[name],
  )
  if (names.length === 0) return undefined
  const changes = names.map(name => `ALTER ROLE ${role} SET ${name} = ${DEFAULTS[name]}`)
  const are = names.map(name => `${name} is ${settings[name]}`).join(' and ')
  return {
    code: 'postgres-log',
    message: `${are}, so the server writes each record to its log, in hexadecimal digits: subjects and IP addresses. Run as a superuser: ${changes.join('; ')}`,
  }
}

/** The values with which every statement is logged. With `mod`, those of the store are not: each is a SELECT. */
const LOGS_ALL = { log_statement: 'all', log_min_duration_statement: '0' }
const DEFAULTS = { log_statement: 'none', log_min_duration_statement: '-1' }
