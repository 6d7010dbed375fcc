import { randomUUID } from 'node:crypto'
import type { StoreFinding } from '../src/store.js'
import { Deadline } from '../src/time/deadline.js'
import { CHECK_MS } from './check-words.js'
import { findingsOf, type PostgresSight, type PostgresView, trialFinding } from './postgres-findings.js'
import { inspection } from './postgres-inspection.js'
import type { PostgresConnections } from './postgres-pool.js'
import { noAnswer } from './postgres-reason.js'
import { checkedKey, type PostgresStatements, type Row } from './postgres-sql.js'

/** What already says that writes fail. */
const NO_WRITES = ['standby', 'read-only', 'permission', 'other-table'].map(name => `postgres-${name}`)

export interface PostgresCheckOptions {
  /** Whether the store creates a table that does not exist. */
  readonly createsTable: boolean
  /** Milliseconds of one call. */
  readonly timeout: number
  /** The prefix of the store's keys. */
  readonly prefix: string
}

/**
 * Asks the server what is wrong, in one statement that only reads. If that says that the store can write to its table,
 * tries it: no catalog tells what triggers, policies, constraints and a missing standby do to writes.
 */
export function checkPostgres(
  connections: PostgresConnections,
  statements: PostgresStatements,
  { createsTable, timeout, prefix }: PostgresCheckOptions,
): Promise<StoreFinding[]> {
  const deadline = new Deadline(Math.max(CHECK_MS, timeout), noAnswer)
  const inspect = { isWrite: false, sql: () => inspection(statements.name, deadline.milliseconds) }
  const key = checkedKey(`${prefix}check:${randomUUID()}`)
  const trial = { isWrite: true, sql: () => statements.trial(key) }
  return connections.call(async () => {
    const sent = Date.now()
    const { rows } = await connections.send(inspect, deadline)
    const clock = { now: Number(rows[0]?.[1]), sent, received: Date.now() }
    const view: PostgresView = { seen: sightIn(rows), clock, table: statements.table, createsTable }
    const findings = findingsOf(view)
    if (view.seen.table === null || findings.some(({ code }) => NO_WRITES.includes(code))) return findings
    const isTried = connections.send(trial, deadline).then(({ word }) => word === 'tried' || undefined)
    const reason = await isTried.catch((error: Error) => error.message)
    return reason === true ? findings : [...findings, trialFinding(view, reason)]
  })
}

/** The fourth column of an answer has all that was seen, as JSON. */
function sightIn(rows: readonly Row[]): PostgresSight {
  return JSON.parse(String(rows[0]?.[3])) as PostgresSight
}
