/** A connection of a Pool of pg, as far as the store needs it. */
export interface PostgresClient {
  query(query: { text: string; rowMode: 'array'; types: { getTypeParser(): never } }): Promise<unknown>
  release(destroy?: boolean): void
  on(event: 'error', listener: (error: Error) => void): unknown
  off(event: 'error', listener: (error: Error) => void): unknown
}

/** A Pool of pg, as far as the store needs it. */
export interface PostgresPool {
  connect(): Promise<PostgresClient>
  query: unknown
  end(): Promise<void>
  on(event: 'error', listener: (error: Error) => void): unknown
  off(event: 'error', listener: (error: Error) => void): unknown
  readonly options?: { readonly max?: number | undefined } | undefined
  readonly totalCount: number
  readonly waitingCount: number
  readonly idleCount: number
  readonly ended?: boolean | undefined
  readonly ending?: boolean | undefined
}

/** Whether `value` is a Pool of pg, or of a package with the same interface. */
export function isPool(value: unknown): value is PostgresPool {
  const { connect, query, totalCount } = (value ?? {}) as Record<string, unknown>
  return typeof connect === 'function' && typeof query === 'function' && typeof totalCount === 'number'
}
