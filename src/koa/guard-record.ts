/** What a middleware of this library asks of a request, for whoever lists routes. */
export interface GuardRecord {
  /** Its name and what it was made with: `scopesRequired(admin:read)`; before it the login type, if there is one. */
  readonly asks: string
  /** Whether it refuses requests without a token. */
  readonly protects: boolean
}

/** By identity: a function of the application's own that has the name of a guard is none. */
const records = new WeakMap<object, GuardRecord>()

/** Keep what `middleware` asks: its `name`, and in parentheses what it was made with. */
export function record<Middleware extends object>(
  middleware: Middleware,
  name: string,
  { loginType, asked = [], protects = true }: { loginType?: string; asked?: readonly string[]; protects?: boolean },
): Middleware {
  const called = asked.length > 0 ? `${name}(${asked.join(', ')})` : name
  records.set(middleware, { asks: loginType === undefined ? called : `${loginType}: ${called}`, protects })
  return middleware
}

/** A middleware around a guard that asks the same. */
export function recordAlike<Middleware extends object>(middleware: Middleware, guard: object): Middleware {
  const known = records.get(guard)
  if (known) records.set(middleware, known)
  return middleware
}

/** `undefined` for every function that is not of this library's making. */
export const recordOf = (middleware: object): GuardRecord | undefined => records.get(middleware)
