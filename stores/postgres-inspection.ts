import { CLOCK, IS_INSIDE, type PostgresTable, settings } from './postgres-sql.js'

/**
 * The statement that looks at the server, the role and the table. It reads only the catalog, which every role may
 * read, and answers `seen`, the clock, and a `PostgresSight` as JSON. A table in a schema without USAGE is seen too.
 */
export function inspection({ schema, table }: PostgresTable, milliseconds: number): string {
  const schemaOid = schemaNamed(schema === undefined ? 'current_schema()' : literal(schema))
  const isHere = schema === undefined ? 'pg_table_is_visible(oid)' : `relnamespace = ${schemaNamed(literal(schema))}`
  return `${settings(milliseconds, milliseconds)}
WITH place AS MATERIALIZED (SELECT ${schemaOid} AS schema,
  (SELECT oid FROM pg_class WHERE relname = ${literal(table)} AND ${isHere} AND relkind IN ('r', 'p', 'v', 'm', 'f')) AS relation
)
SELECT CASE WHEN ${IS_INSIDE} THEN 'inside' ELSE 'seen' END, ${CLOCK}, json_build_object(
  'version', current_setting('server_version_num')::int,
  'isStandby', pg_is_in_recovery(),
  'settings', json_build_object(${SETTINGS.map(name => `'${name}', current_setting('${name}')`).join(', ')}),
  'receivers', (SELECT count(*) FROM pg_stat_replication WHERE state IS DISTINCT FROM 'backup' AND pid NOT IN
    (SELECT active_pid FROM pg_replication_slots WHERE slot_type = 'logical' AND active_pid IS NOT NULL)),
  'role', quote_ident(current_user),
  'schema', (SELECT quote_ident(nspname) FROM pg_namespace WHERE oid = place.schema),
  'mayUse', has_schema_privilege(place.schema, 'USAGE'),
  'mayCreate', has_schema_privilege(place.schema, 'CREATE'),
  'table', (SELECT json_build_object(
    'isView', relkind = 'v',
    'unlogged', ARRAY(SELECT part.oid::regclass::text FROM pg_class AS part WHERE relpersistence = 'u' AND relkind = 'r'
      AND (part.oid = relation.oid OR part.oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = relation.oid))
      ORDER BY 1),
    'missing', ARRAY(SELECT needed FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS needed
      WHERE NOT has_table_privilege(oid, needed)),
    'hidesRows', row_security_active(oid),
    'columns', (SELECT string_agg(attname || ' ' || format_type(atttypid, NULL), ', ' ORDER BY attname) FROM pg_attribute
      WHERE attrelid = oid AND attnum > 0 AND NOT attisdropped AND attname IN ('key', 'value', 'expires')),
    'hasUniqueKey', EXISTS(SELECT FROM pg_index WHERE indrelid = oid AND indisunique AND indisvalid AND indpred IS NULL
      AND indnkeyatts = 1 AND indkey[0] = (SELECT attnum FROM pg_attribute WHERE attrelid = oid AND attname = 'key'))
  ) FROM pg_class AS relation WHERE oid = place.relation)
) FROM place`
}

/** Settings as they are for the role of the store. Every role may read them. */
const SETTINGS = [
  'synchronous_commit',
  'synchronous_standby_names',
  'fsync',
  'full_page_writes',
  'default_transaction_read_only',
  'log_statement',
  'log_min_duration_statement',
] as const

export type PostgresSetting = (typeof SETTINGS)[number]

function schemaNamed(name: string): string {
  return `(SELECT oid FROM pg_namespace WHERE nspname = ${name})`
}

/** An E string means the same whatever standard_conforming_strings is. */
function literal(name: string): string {
  return `E'${name.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`
}
