import type { Context } from 'koa'

/**
 * Returns the subject of a token, or a promise of it; `undefined` if the subject does not exist. `ctx` is the request;
 * `undefined` in `createTokenPair`, which has none. `issuer` is the `iss` of a token of an issuer (option `issuers`):
 * `sub` is then the issuer's id of a user, not yours. `undefined` for your own tokens.
 */
export type SubjectGetter<Subject> = (
  sub: string,
  ctx: Context | undefined,
  issuer: string | undefined,
) => Subject | undefined | Promise<Subject | undefined>

/** What the claims getter gets: why it is called, and for which login. */
export interface ClaimsRequest {
  /**
   * Why the claims getter is called. `'login'`: by `login` or `createTokenPair`. `'refresh'`: by `refresh` or `autoRefresh`.
   * `'implicitRefresh'`: by `implicitRefresh`, which renews the access token in a cookie.
   */
  readonly reason: 'login' | 'refresh' | 'implicitRefresh'
  /** The request. Missing in `createTokenPair`. */
  readonly ctx?: Context | undefined
  /**
   * The id of the session. For a token without a session: its `jti`. At a login without a store: an id that no token
   * has.
   */
  readonly sid: string
  /** The `context` that was passed to `login` or `createTokenPair`. Missing if there was none. */
  readonly context?: Readonly<Record<string, unknown>> | undefined
}

/** What the claims getter returns: the current claims, scopes and audience of a subject. */
export interface SubjectClaims {
  /** Claims of the application: a plain object of JSON values, without claims that koa-authx writes. Default: none. */
  data?: Record<string, unknown> | undefined
  /** The scopes (RFC 6749 §3.3). They may be wider than those of earlier tokens. Default: none. */
  scopes?: readonly string[] | undefined
  /** The claim `aud`. Default: `encodeAudience`. */
  audience?: string | readonly string[] | undefined
}

/**
 * Returns the claims of a subject for a new access token, or a promise of them; `undefined` if the subject does not
 * exist. If it throws, rejects or takes longer than `callbackTimeout`, a login or refresh is answered 503, a renewal by
 * `implicitRefresh` sets no new token, and nothing changes.
 */
export type ClaimsGetter = (
  sub: string,
  about: ClaimsRequest,
) => SubjectClaims | undefined | Promise<SubjectClaims | undefined>
