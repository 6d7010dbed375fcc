import { debug } from './debug.js'

/** Response headers of an error. An array is sent as several header lines. */
export type ErrorHeaders = Record<string, string | string[]>

/** The `code` of an error. */
export type ErrorCode =
  | 'ERR_BAD_CONFIGURATION'
  | 'ERR_BODY_MALFORMED'
  | 'ERR_BODY_TOO_LARGE'
  | 'ERR_BODY_UNSUPPORTED'
  | 'ERR_CALLBACK_UNAVAILABLE'
  | 'ERR_COOKIE_TOO_LARGE'
  | 'ERR_CREDENTIALS'
  | 'ERR_CSRF'
  | 'ERR_CSRF_MISSING'
  | 'ERR_LOGIN_TYPE'
  | 'ERR_POLICY_DENIED'
  | 'ERR_POLICY_EVALUATION'
  | 'ERR_RATE_LIMIT'
  | 'ERR_SCOPE'
  | 'ERR_SESSION_NOT_FOUND'
  | 'ERR_STORE_UNAVAILABLE'
  | 'ERR_SUBJECT_NOT_FOUND'
  | 'ERR_TOKEN_AUDIENCE'
  | 'ERR_TOKEN_EXPIRED'
  | 'ERR_TOKEN_INVALID'
  | 'ERR_TOKEN_ISSUER'
  | 'ERR_TOKEN_MISSING'
  | 'ERR_TOKEN_NOT_FRESH'
  | 'ERR_TOKEN_REQUEST_MALFORMED'
  | 'ERR_TOKEN_REUSED'
  | 'ERR_TOKEN_REVOKED'
  | 'ERR_TOKEN_SIGNATURE'
  | 'ERR_TOKEN_TYPE'
  | 'ERR_TOO_MANY_SESSIONS'
  | 'ERR_UNAVAILABLE'

interface ErrorTraits {
  status: number
  code: ErrorCode
  headers?: ErrorHeaders
}

interface ErrorOptions {
  /** Details for the developer. They must not reach the client. */
  cause?: unknown | undefined
}

/**
 * The base class of all errors of koa-authx that have an HTTP status.
 *
 * Koa and http-errors understand `status`, `statusCode`, `expose` and `headers` without our middleware. `code` is
 * stable: use it to tell errors apart. Messages are constants: they never contain a token, a claim, a key or a detail
 * of the store. `cause` has details for the developer. If the status is below 500, the error has a stack trace only with
 * `NODE_DEBUG=koa-authx`.
 */
export class AuthXError extends Error {
  /** The HTTP status of the response. */
  readonly status: number
  /** The HTTP status of the response, under the name that http-errors uses. */
  readonly statusCode: number
  /** Whether Koa may send the message to the client. True if the status is below 500. */
  readonly expose: boolean
  /** A stable constant, such as `ERR_TOKEN_EXPIRED`. */
  readonly code: ErrorCode
  /** More headers of the response, such as `WWW-Authenticate`. Koa drops headers that were set before the error. */
  headers: ErrorHeaders

  constructor(message: string, traits: ErrorTraits, options: ErrorOptions = {}) {
    const limit = Error.stackTraceLimit
    // Anybody can make a server refuse requests, and a stack trace costs more than all checks of a request.
    if (traits.status < 500 && !debug.enabled) Reflect.set(Error, 'stackTraceLimit', 0)
    try {
      super(message, options)
    } finally {
      Reflect.set(Error, 'stackTraceLimit', limit)
    }
    this.status = traits.status
    this.statusCode = traits.status
    this.expose = traits.status < 500
    this.code = traits.code
    this.headers = { ...traits.headers }
  }
}

/** The start of every `WWW-Authenticate` header. */
const BEARER = 'Bearer realm="authx"'

/**
 * Makes the header `WWW-Authenticate`, a challenge (RFC 6750 §3).
 * @param error the error code. Missing if the request contains no token.
 * @param more the parameters after the error code. Parameters that are `undefined` are omitted.
 */
function challenge(error?: string, more: Readonly<Record<string, string | undefined>> = {}): ErrorHeaders {
  const parts = [BEARER]
  if (error) parts.push(`error="${error}"`)
  for (const [name, value] of Object.entries(more)) if (value) parts.push(`${name}="${value}"`)
  return { 'WWW-Authenticate': parts.join(', ') }
}

// Made once: an error copies its headers, so that nothing changes them for another.
const BARE = Object.freeze(challenge())
const INVALID_TOKEN = Object.freeze(challenge('invalid_token'))

const invalidToken = (code: ErrorCode): ErrorTraits => ({ status: 401, code, headers: INVALID_TOKEN })

/** 401: the request contains no token of the required type. The challenge has no error code (RFC 6750 §3.1). */
export class MissingTokenError extends AuthXError {
  constructor(options?: ErrorOptions) {
    super('No token was sent with this request', { status: 401, code: 'ERR_TOKEN_MISSING', headers: BARE }, options)
  }
}

/** 401: the name or the password is wrong. The response has a challenge, as RFC 9110 §15.5.2 requires for every 401. */
export class InvalidCredentialsError extends AuthXError {
  constructor(options?: ErrorOptions) {
    super('The credentials are wrong', { status: 401, code: 'ERR_CREDENTIALS', headers: BARE }, options)
  }
}

/** 400: a token location is malformed: two tokens, a repeated parameter, `Bearer a b`. */
export class MalformedTokenRequestError extends AuthXError {
  constructor(options?: ErrorOptions) {
    const traits: ErrorTraits = {
      status: 400,
      code: 'ERR_TOKEN_REQUEST_MALFORMED',
      headers: challenge('invalid_request'),
    }
    super('The token in the request is malformed or ambiguous', traits, options)
  }
}

/** 400: a route of `authRouter` cannot read the body: it is not the JSON, the form or the encoding that it claims to be. */
export class MalformedBodyError extends AuthXError {
  constructor(options?: ErrorOptions) {
    super('The body is malformed', { status: 400, code: 'ERR_BODY_MALFORMED' }, options)
  }
}

/** 413: the body for a route of `authRouter` has more than 64 kB, as it is sent or decompressed. */
export class BodyTooLargeError extends AuthXError {
  constructor(options?: ErrorOptions) {
    super('The body is too large', { status: 413, code: 'ERR_BODY_TOO_LARGE' }, options)
  }
}

/** 415: the body for a route of `authRouter` is neither JSON nor a form, or its encoding is not gzip, deflate or br. */
export class UnsupportedBodyError extends AuthXError {
  constructor(options?: ErrorOptions) {
    super('The body must be JSON or a form', { status: 415, code: 'ERR_BODY_UNSUPPORTED' }, options)
  }
}

/** 401: the token is invalid. */
export class JWTDecodeError extends AuthXError {
  constructor(message = 'The token is invalid', code: ErrorCode = 'ERR_TOKEN_INVALID', options?: ErrorOptions) {
    super(message, invalidToken(code), options)
  }
}

/** 401: the token has expired. */
export class TokenExpiredError extends JWTDecodeError {
  constructor(options?: ErrorOptions) {
    super('The token has expired', 'ERR_TOKEN_EXPIRED', options)
  }
}

/** 401: no configured key verifies the signature. */
export class TokenInvalidSignatureError extends JWTDecodeError {
  constructor(options?: ErrorOptions) {
    super('The signature of the token is invalid', 'ERR_TOKEN_SIGNATURE', options)
  }
}

/** 401: the token has another audience, or has an audience although none is configured. */
export class TokenInvalidAudienceError extends JWTDecodeError {
  constructor(options?: ErrorOptions) {
    super('The token is not for this audience', 'ERR_TOKEN_AUDIENCE', options)
  }
}

/** 401: the token has another issuer. */
export class TokenInvalidIssuerError extends JWTDecodeError {
  constructor(options?: ErrorOptions) {
    super('The token is not from the expected issuer', 'ERR_TOKEN_ISSUER', options)
  }
}

/** 401: the token has the wrong type. */
export class TokenTypeError extends AuthXError {
  constructor(message: string, options?: ErrorOptions) {
    super(message, invalidToken('ERR_TOKEN_TYPE'), options)
  }
}

/** 401: an access token is required, but the token is a refresh token. */
export class AccessTokenRequiredError extends TokenTypeError {
  constructor(options?: ErrorOptions) {
    super('An access token is required', options)
  }
}

/** 401: a refresh token is required, but the token is an access token. */
export class RefreshTokenRequiredError extends TokenTypeError {
  constructor(options?: ErrorOptions) {
    super('A refresh token is required', options)
  }
}

/** 401: the token has another login type. */
export class LoginTypeMismatchError extends AuthXError {
  constructor(options?: ErrorOptions) {
    super('The token is for another login type', invalidToken('ERR_LOGIN_TYPE'), options)
  }
}

/** 401: the token, its session, or all tokens of its subject are revoked. */
export class RevokedTokenError extends AuthXError {
  constructor(message = 'The token has been revoked', code: ErrorCode = 'ERR_TOKEN_REVOKED', options?: ErrorOptions) {
    super(message, invalidToken(code), options)
  }
}

/**
 * 401: the refresh token has already been used. Or the token was replaced: the refresh that issued it was repeated
 * before anybody used the token, and the repeated refresh issued other tokens. In both cases two clients have tokens of
 * one session. If `refresh`, or the check of a replaced access token, throws this error, the session is already
 * revoked. A guard for refresh tokens does not revoke it.
 */
export class ReusedTokenError extends RevokedTokenError {
  constructor(options?: ErrorOptions) {
    super('The token has already been used or replaced', 'ERR_TOKEN_REUSED', options)
  }
}

/**
 * 401: the claims getter or the subject getter did not find the subject. If a refresh throws it, the session is
 * revoked.
 */
export class SubjectNotFoundError extends AuthXError {
  constructor(options?: ErrorOptions) {
    super('The subject of the token does not exist', invalidToken('ERR_SUBJECT_NOT_FOUND'), options)
  }
}

/** Options of FreshTokenRequiredError. */
export interface FreshErrorOptions extends ErrorOptions {
  /** How long ago the user may have given credentials, seconds: `max_age` of the challenge. Default: no `max_age`. */
  maxAge?: number | undefined
}

/**
 * 401: a fresh token is required. The token was issued by a refresh; or, with `within` or `amr`, the user gave
 * credentials too long ago, or not by all required methods. With `within` the challenge has `max_age` (RFC 9470 §3).
 */
export class FreshTokenRequiredError extends AuthXError {
  /** How long ago the user may have given credentials, seconds. `undefined` if the guard has no `within`. */
  readonly maxAge: number | undefined

  constructor({ maxAge, ...options }: FreshErrorOptions = {}) {
    const max_age = maxAge === undefined ? undefined : `${maxAge}`
    const headers = challenge('insufficient_user_authentication', { max_age })
    super('A fresh token is required', { status: 401, code: 'ERR_TOKEN_NOT_FRESH', headers }, options)
    this.maxAge = maxAge
  }
}

/** 403: the token does not have the required scopes. */
export class InsufficientScopeError extends AuthXError {
  /** @param scopes the required scopes, for the challenge. */
  constructor(scopes: readonly string[], options?: ErrorOptions) {
    const headers = challenge('insufficient_scope', { scope: scopes.join(' ') })
    super('The token does not have the required scope', { status: 403, code: 'ERR_SCOPE', headers }, options)
  }
}

/**
 * 403: the CSRF value does not match the token, or the request comes from an origin that is not allowed. The origin is
 * checked for WebSocket upgrades with a cookie, for logins that set cookies and, with `csrfCheck: 'origin'`, for other
 * requests with cookies.
 */
export class CSRFError extends AuthXError {
  constructor(
    message = 'The CSRF value does not match the token',
    code: ErrorCode = 'ERR_CSRF',
    options?: ErrorOptions,
  ) {
    super(message, { status: 403, code }, options)
  }
}

/** 403: the request or the token has no CSRF value. */
export class MissingCSRFTokenError extends CSRFError {
  constructor(options?: ErrorOptions) {
    super('The CSRF value is missing', 'ERR_CSRF_MISSING', options)
  }
}

/** 403: no policy rule allows the action, or a rule denies it. */
export class PolicyDeniedError extends AuthXError {
  /** The reason, for the developer. It is not sent to the client. `cause` is the full decision. */
  readonly reason: string

  constructor(
    reason = 'denied',
    options?: ErrorOptions,
    message = 'Access was denied',
    code: ErrorCode = 'ERR_POLICY_DENIED',
  ) {
    super(message, { status: 403, code }, options)
    this.reason = reason
  }
}

/** 403: the policy could not be evaluated, so access is denied. `cause` is the error of a condition or an evaluator. */
export class PolicyEvaluationError extends PolicyDeniedError {
  constructor(reason = 'not evaluated', options?: ErrorOptions) {
    super(reason, options, 'The access policy could not be evaluated', 'ERR_POLICY_EVALUATION')
  }
}

/** 403: the subject already has `maxSessions` live sessions, and `tooManySessions` is `'refuse'`. */
export class TooManySessionsError extends AuthXError {
  constructor(options?: ErrorOptions) {
    super('There are too many sessions', { status: 403, code: 'ERR_TOO_MANY_SESSIONS' }, options)
  }
}

/** 404: the caller of a route of `authRouter` has no live session with this id. */
export class SessionNotFoundError extends AuthXError {
  constructor(options?: ErrorOptions) {
    super('There is no such session', { status: 404, code: 'ERR_SESSION_NOT_FOUND' }, options)
  }
}

/** 429: the caller has sent more requests than the limiter of `rateLimited` allows. */
export class RateLimitExceeded extends AuthXError {
  /**
   * @param waitMs milliseconds until the next request is allowed. `Retry-After` (RFC 9110 §10.2.3) gives this time in
   * whole seconds, rounded up, at least 1. Default: infinite, which means no `Retry-After`.
   */
  constructor(waitMs = Number.POSITIVE_INFINITY, options?: ErrorOptions) {
    const ends = waitMs <= Number.MAX_SAFE_INTEGER
    const headers = ends ? { 'Retry-After': `${Math.max(1, Math.ceil(waitMs / 1000))}` } : undefined
    super('Too many requests', { status: 429, code: 'ERR_RATE_LIMIT', headers }, options)
  }
}

/** 503: the store or a callback failed or timed out. The subclass says which. */
export class UnavailableError extends AuthXError {
  constructor(code: ErrorCode = 'ERR_UNAVAILABLE', options?: ErrorOptions) {
    const traits = { status: 503, code, headers: { 'Retry-After': '1' } }
    super('The service cannot check this request at the moment', traits, options)
  }
}

/** 503: the store failed or timed out. `cause` says why. */
export class StoreUnavailableError extends UnavailableError {
  constructor(options?: ErrorOptions) {
    super('ERR_STORE_UNAVAILABLE', options)
  }
}

/** The name of a callback: a function or object of the application that the library calls. */
export type CallbackName =
  | 'getKey'
  | 'adoptClaims'
  | 'tokenBlocklist'
  | 'subjectGetter'
  | 'claimsGetter'
  | 'limiter'
  | 'evaluator'
  | 'issuer'
  | 'onLogout'

/** 503: a callback of the application failed or timed out. `callback` says which, `cause` says why. */
export class CallbackUnavailableError extends UnavailableError {
  /** The name of the callback. */
  readonly callback: CallbackName

  constructor(callback: CallbackName, options?: ErrorOptions) {
    super('ERR_CALLBACK_UNAVAILABLE', options)
    this.callback = callback
  }
}

/** 500: a cookie is larger than browsers accept. No cookie was set. */
export class CookieTooLargeError extends AuthXError {
  constructor(options?: ErrorOptions) {
    super('A token is too large for a cookie', { status: 500, code: 'ERR_COOKIE_TOO_LARGE' }, options)
  }
}

/**
 * 500: an option is invalid or missing. It is thrown by constructors, and by calls that need a missing option. The
 * message lists every problem: the option and what to do. It never contains values.
 */
export class BadConfigurationError extends AuthXError {
  /** One sentence for each problem. */
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    const message = problems.length === 1 ? `${problems[0]}` : `\n${problems.map(p => `  - ${p}`).join('\n')}`
    super(`koa-authx is not configured correctly: ${message}`, { status: 500, code: 'ERR_BAD_CONFIGURATION' })
    this.problems = problems
  }
}

// `name` is sent to clients as `error_type`, so it must not change. Minifiers change class names, but not property
// names.
const NAMED = {
  AuthXError,
  MissingTokenError,
  InvalidCredentialsError,
  MalformedTokenRequestError,
  MalformedBodyError,
  BodyTooLargeError,
  UnsupportedBodyError,
  JWTDecodeError,
  TokenExpiredError,
  TokenInvalidSignatureError,
  TokenInvalidAudienceError,
  TokenInvalidIssuerError,
  TokenTypeError,
  AccessTokenRequiredError,
  RefreshTokenRequiredError,
  LoginTypeMismatchError,
  RevokedTokenError,
  ReusedTokenError,
  SubjectNotFoundError,
  FreshTokenRequiredError,
  InsufficientScopeError,
  CSRFError,
  MissingCSRFTokenError,
  PolicyDeniedError,
  PolicyEvaluationError,
  TooManySessionsError,
  SessionNotFoundError,
  RateLimitExceeded,
  UnavailableError,
  StoreUnavailableError,
  CallbackUnavailableError,
  CookieTooLargeError,
  BadConfigurationError,
}
for (const [name, { prototype }] of Object.entries(NAMED)) {
  Object.defineProperty(prototype, 'name', { value: name, configurable: true, writable: true })
}
