/** Response headers that an error carries; an array is sent as several lines. */
export type ErrorHeaders = Record<string, string | string[]>

/** The `code` of an error: one constant for each class that clients and handlers tell apart. */
export type ErrorCode =
  | 'ERR_BAD_CONFIGURATION'
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
  | 'ERR_UNAVAILABLE'

interface ErrorTraits {
  status: number
  code: ErrorCode
  headers?: ErrorHeaders
}

interface ErrorOptions {
  /** What helps the developer and must not reach the client. */
  cause?: unknown | undefined
}

/**
 * The base of every error that koa-authx gives an HTTP status.
 *
 * Koa and http-errors understand it without our middleware: `status`, `statusCode`, `expose` and `headers` are theirs,
 * `code` is a stable string to switch on. Messages are constants: they never hold a token, a claim, a key or a detail
 * of the store. What helps the developer is in `cause`.
 */
export class AuthXError extends Error {
  /** The HTTP status of the answer. */
  readonly status: number
  /** The HTTP status of the answer, under the name that http-errors uses. */
  readonly statusCode: number
  /** Whether Koa may show the message to the client: true below 500. */
  readonly expose: boolean
  /** A constant to switch on: `ERR_TOKEN_EXPIRED`. */
  readonly code: ErrorCode
  /** What the answer carries besides, such as `WWW-Authenticate`. Koa drops headers that were set before an error. */
  headers: ErrorHeaders

  constructor(message: string, traits: ErrorTraits, options: ErrorOptions = {}) {
    super(message, options)
    this.status = traits.status
    this.statusCode = traits.status
    this.expose = traits.status < 500
    this.code = traits.code
    this.headers = { ...traits.headers }
  }
}

/** The one realm of this library's challenges. */
const BEARER = 'Bearer realm="authx"'

/** A challenge as RFC 6750 §3 writes it; `error` is left out where the request carried no token at all. */
function challenge(error?: string, scope?: string): ErrorHeaders {
  const parts = [BEARER]
  if (error) parts.push(`error="${error}"`)
  if (scope) parts.push(`scope="${scope}"`)
  return { 'WWW-Authenticate': parts.join(', ') }
}

const invalidToken = (code: ErrorCode): ErrorTraits => ({ status: 401, code, headers: challenge('invalid_token') })

/** 401: no token of the wanted type in any of the locations tried. RFC 6750 §3.1 wants no error code here. */
export class MissingTokenError extends AuthXError {
  constructor(options?: ErrorOptions) {
    super(
      'No token was sent with this request',
      { status: 401, code: 'ERR_TOKEN_MISSING', headers: challenge() },
      options,
    )
  }
}

/** 401: the name or the password is wrong. RFC 9110 §15.5.2 wants a challenge with every 401. */
export class InvalidCredentialsError extends AuthXError {
  constructor(options?: ErrorOptions) {
    super('The credentials are wrong', { status: 401, code: 'ERR_CREDENTIALS', headers: challenge() }, options)
  }
}

/** 400: a location holds something, but not one token: two of them, a repeated parameter, `Bearer a b`. */
export class MalformedTokenRequestError extends AuthXError {
  constructor(options?: ErrorOptions) {
    const traits: ErrorTraits = {
      status: 400,
      code: 'ERR_TOKEN_REQUEST_MALFORMED',
      headers: challenge('invalid_request'),
    }
    super('The request does not carry its token in a well-formed way', traits, options)
  }
}

/** 401: the string is not a token that this server accepts. */
export class JWTDecodeError extends AuthXError {
  constructor(message = 'The token is invalid', code: ErrorCode = 'ERR_TOKEN_INVALID', options?: ErrorOptions) {
    super(message, invalidToken(code), options)
  }
}

/** 401: the token is past its `exp`. */
export class TokenExpiredError extends JWTDecodeError {
  constructor(options?: ErrorOptions) {
    super('The token has expired', 'ERR_TOKEN_EXPIRED', options)
  }
}

/** 401: no configured key made this signature. */
export class TokenInvalidSignatureError extends JWTDecodeError {
  constructor(options?: ErrorOptions) {
    super('The signature of the token is invalid', 'ERR_TOKEN_SIGNATURE', options)
  }
}

/** 401: the token is for another audience, or for one where none is expected. */
export class TokenInvalidAudienceError extends JWTDecodeError {
  constructor(options?: ErrorOptions) {
    super('The token is not for this audience', 'ERR_TOKEN_AUDIENCE', options)
  }
}

/** 401: the token is from another issuer. */
export class TokenInvalidIssuerError extends JWTDecodeError {
  constructor(options?: ErrorOptions) {
    super('The token is not from the expected issuer', 'ERR_TOKEN_ISSUER', options)
  }
}

/** 401: a token of the other type. */
export class TokenTypeError extends AuthXError {
  constructor(message: string, options?: ErrorOptions) {
    super(message, invalidToken('ERR_TOKEN_TYPE'), options)
  }
}

/** 401: a refresh token where an access token is due. */
export class AccessTokenRequiredError extends TokenTypeError {
  constructor(options?: ErrorOptions) {
    super('An access token is required', options)
  }
}

/** 401: an access token where a refresh token is due. */
export class RefreshTokenRequiredError extends TokenTypeError {
  constructor(options?: ErrorOptions) {
    super('A refresh token is required', options)
  }
}

/** 401: the token was issued for another login type. */
export class LoginTypeMismatchError extends AuthXError {
  constructor(options?: ErrorOptions) {
    super('The token is for another type of login', invalidToken('ERR_LOGIN_TYPE'), options)
  }
}

/** 401: the token, its session or everything of its subject has been revoked. */
export class RevokedTokenError extends AuthXError {
  constructor(message = 'The token has been revoked', code: ErrorCode = 'ERR_TOKEN_REVOKED', options?: ErrorOptions) {
    super(message, invalidToken(code), options)
  }
}

/** 401: the refresh token had been used up already. */
export class ReusedTokenError extends RevokedTokenError {
  constructor(options?: ErrorOptions) {
    super('The refresh token has been used already', 'ERR_TOKEN_REUSED', options)
  }
}

/** 401: the subject getter knows no such subject (any more). */
export class SubjectNotFoundError extends AuthXError {
  constructor(options?: ErrorOptions) {
    super('The subject of the token does not exist', invalidToken('ERR_SUBJECT_NOT_FOUND'), options)
  }
}

/** 401: the token comes from a refresh where credentials are due (RFC 9470 §3). */
export class FreshTokenRequiredError extends AuthXError {
  constructor(options?: ErrorOptions) {
    const headers = challenge('insufficient_user_authentication')
    super('A fresh token is required', { status: 401, code: 'ERR_TOKEN_NOT_FRESH', headers }, options)
  }
}

/** 403: the token lacks a scope. */
export class InsufficientScopeError extends AuthXError {
  /** @param scopes what would have sufficed, for the challenge. */
  constructor(scopes: readonly string[], options?: ErrorOptions) {
    const headers = challenge('insufficient_scope', scopes.join(' '))
    super('The token does not have the required scope', { status: 403, code: 'ERR_SCOPE', headers }, options)
  }
}

/** 403: the CSRF value sent is not the token's; or an upgrade with a cookie comes from an origin that is not allowed. */
export class CSRFError extends AuthXError {
  constructor(
    message = 'The CSRF value does not match the token',
    code: ErrorCode = 'ERR_CSRF',
    options?: ErrorOptions,
  ) {
    super(message, { status: 403, code }, options)
  }
}

/** 403: no CSRF value was sent, or the token has none. */
export class MissingCSRFTokenError extends CSRFError {
  constructor(options?: ErrorOptions) {
    super('The CSRF value is missing', 'ERR_CSRF_MISSING', options)
  }
}

/** 403: no policy rule allows it, or one denies it. */
export class PolicyDeniedError extends AuthXError {
  /** For the developer; the client is told no more than that it was denied. `cause` is the whole decision. */
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

/** 403: the policy could not be evaluated, which denies. `cause` is what a condition or an evaluator has thrown. */
export class PolicyEvaluationError extends PolicyDeniedError {
  constructor(reason = 'not evaluated', options?: ErrorOptions) {
    super(reason, options, 'Access could not be decided', 'ERR_POLICY_EVALUATION')
  }
}

/** 429: there were more requests than the limiter of `rateLimited` allows. */
export class RateLimitExceeded extends AuthXError {
  /**
   * @param wait milliseconds until a request passes again, for `Retry-After` (RFC 9110 §10.2.3): whole seconds, rounded up,
   * at least 1. There is no such header without it, or if the wait has no end.
   */
  constructor(wait = Number.POSITIVE_INFINITY, options?: ErrorOptions) {
    const ends = wait <= Number.MAX_SAFE_INTEGER
    const headers = ends ? { 'Retry-After': `${Math.max(1, Math.ceil(wait / 1000))}` } : undefined
    super('Too many requests', { status: 429, code: 'ERR_RATE_LIMIT', headers }, options)
  }
}

/** 503: something that has to be asked about the request did not answer, or not in time. The subclass says what. */
export class UnavailableError extends AuthXError {
  constructor(code: ErrorCode = 'ERR_UNAVAILABLE', options?: ErrorOptions) {
    const traits = { status: 503, code, headers: { 'Retry-After': '1' } }
    super('The service cannot check this request at the moment', traits, options)
  }
}

/** 503: the store did not answer, or not in time. `cause` says why. */
export class StoreUnavailableError extends UnavailableError {
  constructor(options?: ErrorOptions) {
    super('ERR_STORE_UNAVAILABLE', options)
  }
}

/** A function or an object of the application that the library asks. */
export type CallbackName =
  | 'getKey'
  | 'tokenBlocklist'
  | 'subjectGetter'
  | 'claimsGetter'
  | 'limiter'
  | 'evaluator'
  | 'issuer'

/** 503: a callback of the application failed, or did not answer in time. `cause` says why. */
export class CallbackUnavailableError extends UnavailableError {
  /** Which callback it was. */
  readonly callback: CallbackName

  constructor(callback: CallbackName, options?: ErrorOptions) {
    super('ERR_CALLBACK_UNAVAILABLE', options)
    this.callback = callback
  }
}

/** 500: a cookie would be larger than browsers keep; none was set. */
export class CookieTooLargeError extends AuthXError {
  constructor(options?: ErrorOptions) {
    super('A token is too large for a cookie', { status: 500, code: 'ERR_COOKIE_TOO_LARGE' }, options)
  }
}

/**
 * Thrown at construction, or rejected by a call that needs what was not configured. The message lists every problem,
 * naming options and what to do; it never holds a value.
 */
export class BadConfigurationError extends AuthXError {
  /** One sentence a problem. */
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    const message = problems.length === 1 ? `${problems[0]}` : `\n${problems.map(p => `  - ${p}`).join('\n')}`
    super(`koa-authx is not configured correctly: ${message}`, { status: 500, code: 'ERR_BAD_CONFIGURATION' })
    this.problems = problems
  }
}

// Property names survive a minifier, class names do not, and `name` is the `error_type` that clients switch on.
const NAMED = {
  AuthXError,
  MissingTokenError,
  InvalidCredentialsError,
  MalformedTokenRequestError,
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
