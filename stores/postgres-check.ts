import type { StoreFinding } from '../src/store.js'
import { Deadline } from '../src/time/deadline.js'
import { findingsOf, type PostgresSight } from './postgres-findings.js'
import { inspection } from './postgres-inspection.js'
import type { PostgresConnections } from './postgres-pool.js'
import { noAnswer } from './postgres-reason.js'
import type { PostgresStatements, Row } from './postgres-sql.js'

/** How long the check may take, in milliseconds. */
const CHECK_MS = 5000

/** Asks the server, in one statement that only reads, and returns what is wrong. */
export function checkPostgres(
  connections: PostgresConnections,
  statements: PostgresStatements,
  createsTable: boolean,
  timeout: number,
): Promise<StoreFinding[]> {
  const order = { isWrite: false, sql: () => inspection(statements.name, Math.max(CHECK_MS, timeout)) }
  return connections.call(async () => {
    const sent = Date.now()
    const { rows } = await connections.send(order, new Deadline(Math.max(CHECK_MS, timeout), noAnswer))
    const seen = sightIn(rows)
    const clock = { now: Number(rows[0]?.[1]), sent, received: Date.now() }
    return findingsOf({ seen, clock, table: statements.table, createsTable })
  })
}

/** The third column of an answer has all that was seen, as JSON. */
function sightIn(rows: readonly Row[]): PostgresSight {
  return JSON.parse(String(rows[0]?.[2])) as PostgresSight
}
