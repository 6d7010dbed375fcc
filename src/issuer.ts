/** The header of a token (RFC 7515 §4) whose signature is not verified yet. */
export interface IssuerTokenHeader {
  /** The algorithm: one of the issuer's `algorithms`. */
  readonly alg: string
  readonly [member: string]: unknown
}

/** The claims of an issuer's token, frozen. The issuer has signed them, and they are valid now. */
export interface IssuerClaims {
  /** The issuer. */
  readonly iss: string
  /** The subject: whom the token is about. Unique only within the issuer. */
  readonly sub: string
  /** When the token expires, seconds. */
  readonly exp: number
  readonly [claim: string]: unknown
}

/**
 * Returns the application's view of an issuer's token: the claims for `ctx.state.token`. `scopes` may be a list or text
 * with spaces; without it, the token's scopes stay. `sub`, `iss`, `aud`, `iat`, `nbf`, `exp`, `jti` and `sid` always
 * stay those of the token. `undefined`: the token is refused (401). If it throws, the response is 503.
 */
export type IssuerClaimsMapper = (claims: IssuerClaims) => Record<string, unknown> | undefined

/** An identity provider whose access tokens are accepted. `remoteIssuer` of `koa-authx/issuers` makes it. */
export interface Issuer {
  /** The claim `iss` of the issuer's tokens, exactly as in the tokens. */
  readonly issuer: string
  /** The accepted algorithms. */
  readonly algorithms: readonly string[]
  /** The accepted audiences. `false`: the issuer's access tokens have no `aud`. */
  readonly audience: readonly string[] | false
  /** The ids that the application has at the issuer: the `aud` of logout tokens. Empty: no logout token is accepted. */
  readonly clientId: readonly string[]
  /** Whether ID tokens are accepted as access tokens. */
  readonly idTokens: boolean
  /** Makes the claims for `ctx.state.token`. `undefined`: the claims of the token. */
  readonly claims: IssuerClaimsMapper | undefined
  /**
   * The current key set, as an object that changes with every change of the keys. `undefined` if there is none, or if it
   * has to be asked for again.
   */
  readonly keySet: object | undefined
  /**
   * Verify the signature of a token. Resolves to the key set that has verified it; to `undefined` if none of its keys
   * has. Rejects if the keys cannot be read: the token is neither valid nor invalid.
   */
  verify(token: string, header: IssuerTokenHeader): Promise<object | undefined>
}
