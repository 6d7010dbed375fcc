import type { Context } from 'koa'

/**
 * Returns the subject of a token, or `undefined` if the subject does not exist. `ctx` is `undefined` outside of requests:
 * `createTokenPair` has none.
 */
export type SubjectGetter<Subject> = (
  sub: string,
  ctx: Context | undefined,
) => Subject | undefined | Promise<Subject | undefined>

/** Why the claims getter is called, and for which login. */
export interface ClaimsRequest {
  /**
   * `'login'`: `login` or `createTokenPair`. `'refresh'`: a refresh. `'implicitRefresh'`: the renewal of an access token
   * in a cookie.
   */
  readonly reason: 'login' | 'refresh' | 'implicitRefresh'
  /** The request. Missing in `createTokenPair`. */
  readonly ctx?: Context | undefined
  /** The id of the session; the `jti` of a token without a session. */
  readonly sid: string
  /** The `context` of the login. Missing if it has none. */
  readonly context?: Readonly<Record<string, unknown>> | undefined
}

/** The claims of a subject at this moment. */
export interface SubjectClaims {
  /** Claims of the application: a plain object of JSON values, without claims that koa-authx writes. Default: none. */
  data?: Record<string, unknown> | undefined
  /** The scopes (RFC 6749 §3.3). They may be wider than before. Default: none. */
  scopes?: readonly string[] | undefined
  /** The claim `aud`. Default: `encodeAudience`. */
  audience?: string | readonly string[] | undefined
}

/**
 * Returns the claims of a subject for a new access token, or `undefined` if the subject does not exist any more. If it
 * throws, rejects or misses `callbackTimeout`, the response is 503 and nothing changes.
 */
export type ClaimsGetter = (
  sub: string,
  about: ClaimsRequest,
) => SubjectClaims | undefined | Promise<SubjectClaims | undefined>
