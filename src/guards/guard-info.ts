/** What a middleware of this library requires, for `audit`. */
export interface GuardInfo {
  /** The method that made the middleware: `scopesRequired`. */
  readonly name: string
  /** The login type of the accepted tokens; `undefined` if the instance has no login type. */
  readonly loginType: string | undefined
  /** The arguments that the middleware was made with: `['admin:read']`. */
  readonly asked: readonly string[]
  /** Whether requests without a token are rejected. */
  readonly protects: boolean
}

/** A marker type. It exists for the compiler only, not at run time. */
export declare class Mark {
  private readonly isDescribed: true
}

/** A middleware that `audit` knows. Only `describeGuard` returns this type. */
export type Described<Middleware> = Middleware & Mark

/** Keys are compared by identity: an application's function with the name of a guard is not a guard. */
const infos = new WeakMap<object, GuardInfo>()

/** Register what `middleware` requires, so that `audit` can show it. */
export function describeGuard<Middleware extends object>(
  middleware: Middleware,
  info: GuardInfo,
): Described<Middleware> {
  infos.set(middleware, info)
  return middleware as Described<Middleware>
}

/** Returns what a middleware requires, or `undefined` if this library did not make it. */
export const guardInfoOf = (middleware: object): GuardInfo | undefined => infos.get(middleware)

/** Returns the guard as text: `user: scopesRequired(admin:read)`. */
export function writtenGuard({ name, loginType, asked }: GuardInfo): string {
  const call = asked.length > 0 ? `${name}(${asked.join(', ')})` : name
  return loginType === undefined ? call : `${loginType}: ${call}`
}
