/** The options that decide under which login type the store keeps sessions. */
export interface StoredTypeConfig {
  readonly loginType?: string | undefined
  readonly storedLoginType?: string | false | undefined
}

/** The login type under which the store keeps the sessions of an instance. `undefined`: none. */
export const storedType = ({ loginType, storedLoginType = loginType }: StoredTypeConfig): string | undefined =>
  storedLoginType === false ? undefined : storedLoginType

/**
 * The login type under which the store keeps the session and the cut-off of a token with this `login_type`. Tokens of
 * other types, which an instance without a `loginType` accepts, have sessions of their own type.
 */
export const storedTypeOf = (type: string | undefined, config: StoredTypeConfig): string | undefined =>
  type === config.loginType ? storedType(config) : type
