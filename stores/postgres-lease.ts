// Not the global timers: tests of applications replace them with fakes.
import { clearTimeout, setTimeout } from 'node:timers'
import type { Deadline } from '../src/time/deadline.js'
import type { PostgresClient, PostgresPool } from './postgres-client.js'
import type { Row } from './postgres-sql.js'

/** Milliseconds until the next attempt, if the server accepts no more connections. */
const PAUSE_MS = 10
/** Answers are read as text, whatever type parsers the application has set. */
const TYPES = { getTypeParser: () => asText as never }

/** A connection that is taken from the pool and given back once. */
export class Lease {
  readonly client: PostgresClient
  readonly isWrite: boolean
  #isOver = false
  readonly #whenOver: (() => void)[] = []

  constructor(client: PostgresClient, isWrite: boolean) {
    this.client = client
    this.isWrite = isWrite
    client.on('error', ignore)
  }

  /** Runs `run` when the lease is over; at once if it is. */
  whenOver(run: () => void): this {
    if (this.#isOver) run()
    else this.#whenOver.push(run)
    return this
  }

  /** `destroy`: close the connection, because its state is unknown. */
  end(destroy: boolean): void {
    if (this.#isOver) return
    this.#isOver = true
    try {
      this.client.release(destroy)
    } finally {
      this.client.off('error', ignore)
      for (const run of this.#whenOver) run()
    }
  }
}

/** Waits a little. Resolves to false if the deadline passes meanwhile. */
export function pause(deadline: Deadline): Promise<boolean> {
  return new Promise(resolve => {
    const timer = setTimeout(() => {
      wait.end()
      resolve(true)
    }, PAUSE_MS)
    const wait = deadline.wait(() => {
      clearTimeout(timer)
      resolve(false)
    })
  })
}

/** pg throws some errors instead of rejecting. */
export async function connectTo(pool: PostgresPool): Promise<PostgresClient> {
  return pool.connect()
}

/** Returns the rows of the last statement. */
export async function query(client: PostgresClient, sql: string): Promise<readonly Row[]> {
  const results = await client.query({ text: sql, rowMode: 'array', types: TYPES })
  const last = Array.isArray(results) ? results.at(-1) : results
  return (last as { rows?: Row[] } | undefined)?.rows ?? []
}

function asText(text: string): string {
  return text
}

/** How many open stores use a pool. */
const users = new WeakMap<PostgresPool, number>()

/** Without a listener, the loss of an idle connection ends the process. Stores at one pool share a listener. */
export function listen(pool: PostgresPool): void {
  const count = users.get(pool) ?? 0
  users.set(pool, count + 1)
  if (count === 0) pool.on('error', ignore)
}

export function unlisten(pool: PostgresPool): void {
  const count = users.get(pool) ?? 1
  users.set(pool, count - 1)
  if (count === 1) pool.off('error', ignore)
}

function ignore(): void {
  // The call that uses the connection gets the error; an idle connection is replaced by the pool.
}
