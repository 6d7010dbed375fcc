/** A connection of a Pool of pg, as far as the store needs it. */
export interface PostgresClient {
  /** Runs statements. `types` are the parsers of this query. */
  query(query: { text: string; rowMode: 'array'; types: { getTypeParser(): never } }): Promise<unknown>
  /** Gives the connection back to the pool, or closes it. */
  release(destroy?: boolean): void
  /** Adds a listener for the loss of the connection. */
  on(event: 'error', listener: (error: Error) => void): unknown
  /** Removes a listener. */
  off(event: 'error', listener: (error: Error) => void): unknown
}

/** A Pool of pg, as far as the store needs it. */
export interface PostgresPool {
  /** Takes a connection from the pool, or makes one. */
  connect(): Promise<PostgresClient>
  /** Not used. A Pool of pg has it. */
  query: unknown
  /** Closes all connections. The store never ends a pool that you give it. */
  end(): Promise<void>
  /** Adds a listener for the loss of idle connections. */
  on(event: 'error', listener: (error: Error) => void): unknown
  /** Removes a listener. */
  off(event: 'error', listener: (error: Error) => void): unknown
  /** The options of the pool; `max` is the maximum number of connections. */
  readonly options?: { readonly max?: number | undefined } | undefined
  /** The number of connections. */
  readonly totalCount: number
  /** The number of calls that wait for a connection. */
  readonly waitingCount: number
  /** The number of connections that are not in use. */
  readonly idleCount: number
  /** Whether the pool has been ended. */
  readonly ended?: boolean | undefined
  /** Whether the pool is being ended. */
  readonly ending?: boolean | undefined
}

/** Whether `value` is a Pool of pg, or of a package with the same interface. */
export function isPool(value: unknown): value is PostgresPool {
  const { connect, query, totalCount } = (value ?? {}) as Record<string, unknown>
  return typeof connect === 'function' && typeof query === 'function' && typeof totalCount === 'number'
}

/** The maximum number of connections of a pool. The default of pg is 10. */
export function maxOf(pool: PostgresPool): number {
  return pool.options?.max ?? 10
}
