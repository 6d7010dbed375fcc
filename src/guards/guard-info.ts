/** What a middleware of this library requires of a request, for `audit`. */
export interface GuardInfo {
  /** The method that made it: `scopesRequired`. */
  readonly name: string
  /** The login type whose tokens it takes, if the instance has one. */
  readonly loginType: string | undefined
  /** What it was made with: `['admin:read']`. */
  readonly asked: readonly string[]
  /** Whether it refuses requests without a token. */
  readonly protects: boolean
}

/** A mark for the compiler, which nothing has at run time. */
export declare class Mark {
  private readonly isDescribed: true
}

/** A middleware that `audit` knows: only `describeGuard` makes one. */
export type Described<Middleware> = Middleware & Mark

/** By identity: a function of the application with the name of a guard is not a guard. */
const infos = new WeakMap<object, GuardInfo>()

/** Keep what `middleware` requires. */
export function describeGuard<Middleware extends object>(
  middleware: Middleware,
  info: GuardInfo,
): Described<Middleware> {
  infos.set(middleware, info)
  return middleware as Described<Middleware>
}

/** `undefined` for every function that this library has not made. */
export const guardInfoOf = (middleware: object): GuardInfo | undefined => infos.get(middleware)

/** A guard as it is written: `user: scopesRequired(admin:read)`. */
export function writtenGuard({ name, loginType, asked }: GuardInfo): string {
  const call = asked.length > 0 ? `${name}(${asked.join(', ')})` : name
  return loginType === undefined ? call : `${loginType}: ${call}`
}
