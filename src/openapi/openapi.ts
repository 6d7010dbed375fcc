import type { TokenLocation, TokenType } from '../config/options.js'
import type { Config } from '../config/table.js'
import { checkNames } from '../config/values.js'
import type * as errors from '../errors.js'
import { isCsrfMethod } from '../request/csrf.js'

/** A Security Scheme Object of OpenAPI 3.1. */
export type OpenApiSecurityScheme =
  | { type: 'http'; scheme: 'bearer'; bearerFormat: 'JWT'; description: string }
  | { type: 'apiKey'; in: 'header' | 'cookie' | 'query'; name: string; description: string }

/** A Header Object of OpenAPI 3.1. */
export interface OpenApiHeader {
  /** The description of the header. */
  description: string
  /** Whether every response with this status has the header. */
  required: boolean
  /** The type of the header's value. */
  schema: { type: 'string' | 'integer' }
}

/** A Response Object of OpenAPI 3.1. */
export interface OpenApiResponse {
  /** When the library sends this response. */
  description: string
  /** The headers, by name. */
  headers: Record<string, OpenApiHeader>
  /** The body. `$ref` refers to one of `schemas`. */
  content: { 'application/json': { schema: { $ref: string } } }
}

/** The Schema Object of an error's body. */
export interface OpenApiSchema {
  /** The body is an object. */
  type: 'object'
  /** The members that are always present. */
  required: string[]
  /** The member with the message, and `error_type` with its possible values. */
  properties: Record<string, { type: 'string'; description: string; enum?: string[] }>
}

/** The result of `openapi()`: members of a Components Object. */
export interface OpenApiComponents {
  /** The security schemes. `openapiSecurity()` refers to their names. */
  securitySchemes: Record<string, OpenApiSecurityScheme>
  /** The error responses, by the name of their HTTP status: `Unauthorized`. */
  responses: Record<string, OpenApiResponse>
  /** The bodies of the errors. */
  schemas: Record<string, OpenApiSchema>
}

/** Security Requirement Objects. A request must meet one of them, with all of its members. */
export type OpenApiSecurity = Record<string, string[]>[]

/** Options of `openapiSecurity`: the guard of the operation. */
export interface OpenApiSecurityOptions {
  /** The type of token that the guard requires. Default `'access'`. */
  type?: TokenType | undefined
  /**
   * The guard's option `verifyCsrf`. Default: true if the method is one of `csrfMethods`. Set it to true for `refresh`
   * and `logout`, which always require a CSRF value.
   */
  verifyCsrf?: boolean | undefined
}

interface Answer {
  readonly description: string
  readonly errors: readonly Exclude<keyof typeof errors, 'AuthXError' | 'TokenTypeError'>[]
  /** Whether all or some of the errors have `WWW-Authenticate`. */
  readonly challenge?: 'all' | 'some'
  /** Whether all or some of the errors have `Retry-After`. */
  readonly retryAfter?: 'all' | 'some'
}

/** The responses of the library's errors, by the names of their statuses in the HTTP specifications. */
const ANSWERS: Readonly<Record<string, Answer>> = {
  BadRequest: {
    description: 'The token in the request is malformed or ambiguous, or the body is malformed.',
    errors: ['MalformedTokenRequestError', 'MalformedBodyError'],
    challenge: 'some',
  },
  Unauthorized: {
    description: 'The token is missing or invalid; at a login, the credentials are wrong.',
    errors: [
      'MissingTokenError',
      'InvalidCredentialsError',
      'JWTDecodeError',
      'TokenExpiredError',
      'TokenInvalidSignatureError',
      'TokenInvalidAudienceError',
      'TokenInvalidIssuerError',
      'AccessTokenRequiredError',
      'RefreshTokenRequiredError',
      'LoginTypeMismatchError',
      'RevokedTokenError',
      'ReusedTokenError',
      'SubjectNotFoundError',
      'FreshTokenRequiredError',
    ],
    challenge: 'all',
  },
  Forbidden: {
    description:
      'The token is valid but not sufficient, the CSRF value does not match the token, or the user has too many sessions.',
    errors: [
      'InsufficientScopeError',
      'CSRFError',
      'MissingCSRFTokenError',
      'PolicyDeniedError',
      'PolicyEvaluationError',
      'TooManySessionsError',
    ],
    challenge: 'some',
  },
  NotFound: { description: 'The caller has no such session.', errors: ['SessionNotFoundError'] },
  ContentTooLarge: { description: 'The body is too large.', errors: ['BodyTooLargeError'] },
  UnsupportedMediaType: {
    description: 'The body is neither JSON nor a form, or its encoding is not supported.',
    errors: ['UnsupportedBodyError'],
  },
  TooManyRequests: { description: 'Too many requests.', errors: ['RateLimitExceeded'], retryAfter: 'some' },
  InternalServerError: {
    description: 'The server is not configured correctly.',
    errors: ['CookieTooLargeError', 'BadConfigurationError'],
  },
  ServiceUnavailable: {
    description: 'The server cannot check the request at the moment.',
    errors: ['UnavailableError', 'StoreUnavailableError', 'CallbackUnavailableError'],
    retryAfter: 'all',
  },
}

/** Returns the components that describe an instance: its token locations and its error responses. */
export function openApi(config: Config): OpenApiComponents {
  const answers = Object.entries(ANSWERS)
  return {
    securitySchemes: { ...schemesOf('access', config), ...schemesOf('refresh', config) },
    responses: Object.fromEntries(answers.map(([name, answer]) => [name, responseOf(name, answer)])),
    schemas: Object.fromEntries(answers.map(([name, answer]) => [schemaName(name), schemaOf(answer, config)])),
  }
}

const SECURITY_OPTIONS = new Set(['type', 'verifyCsrf'])

/**
 * Returns the `security` of an operation: one alternative for each location. A cookie is combined with its CSRF value.
 * @throws TypeError
 */
export function openApiSecurity(method: string, options: OpenApiSecurityOptions, config: Config): OpenApiSecurity {
  checkNames(options, SECURITY_OPTIONS, 'openapiSecurity')
  if (typeof method !== 'string') throw new TypeError('openapiSecurity: method must be a string')
  const { type = 'access', verifyCsrf = isCsrfMethod(method.toUpperCase(), config) } = options
  if (type !== 'access' && type !== 'refresh') throw new TypeError("type must be 'access' or 'refresh'")
  if (typeof verifyCsrf !== 'boolean') throw new TypeError('verifyCsrf must be true or false')
  return describedLocations(type, config).map(location => {
    const withCsrf = verifyCsrf && location === 'cookies' && usesCsrfValue(config)
    return { [nameOf(type, location, config)]: [], ...(withCsrf && { [nameOf(type, 'csrf', config)]: [] }) }
  })
}

/** Whether a browser has to send a CSRF value. */
const usesCsrfValue = ({ cookieCsrfProtect, csrfCheck }: Config) => cookieCsrfProtect && csrfCheck === 'token'

/** Returns the token locations without `json`, because OpenAPI cannot describe a token in a JSON body. */
const describedLocations = (type: TokenType, { tokenLocation }: Config) =>
  tokenLocation[type].filter(location => location !== 'json')

/** The parts of a request that have a security scheme. */
type Carried = Exclude<TokenLocation, 'json'> | 'csrf'

const SCHEMES: Record<Carried, (type: TokenType, config: Config) => OpenApiSecurityScheme> = {
  headers: headerScheme,
  cookies: (type, { accessCookieName, refreshCookieName }) =>
    apiKey('cookie', type === 'access' ? accessCookieName : refreshCookieName, `The ${type} token.`),
  query: (type, { queryStringName }) => apiKey('query', queryStringName, `The ${type} token.`),
  csrf: csrfScheme,
}

function schemesOf(type: TokenType, config: Config): Record<string, OpenApiSecurityScheme> {
  const carried: Carried[] = [...describedLocations(type, config)]
  if (carried.includes('cookies') && usesCsrfValue(config)) carried.push('csrf')
  return Object.fromEntries(carried.map(what => [nameOf(type, what, config), SCHEMES[what](type, config)]))
}

function headerScheme(type: TokenType, { headerName, headerType }: Config): OpenApiSecurityScheme {
  const description = `The ${type} token.`
  if (headerName.toLowerCase() === 'authorization' && headerType.toLowerCase() === 'bearer') {
    return { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description }
  }
  return apiKey('header', headerName, headerType ? `${headerType}, a space and the ${type} token.` : description)
}

function csrfScheme(type: TokenType, config: Config): OpenApiSecurityScheme {
  const [name, cookie] =
    type === 'access'
      ? [config.accessCsrfHeaderName, config.accessCsrfCookieName]
      : [config.refreshCsrfHeaderName, config.refreshCsrfCookieName]
  const source = config.csrfInCookies ? `the cookie ${cookie}` : 'csrf_token in the responses of login and refresh'
  return apiKey('header', name, `The CSRF value of the ${type} token: ${source}.`)
}

function apiKey(where: 'header' | 'cookie' | 'query', name: string, description: string): OpenApiSecurityScheme {
  return { type: 'apiKey', in: where, name, description }
}

const SUFFIXES: Record<Carried, string> = { headers: 'Token', cookies: 'Cookie', query: 'Query', csrf: 'Csrf' }

/** The name of a security scheme: `accessToken`, or `adminAccessToken` if the login type is `admin`. */
function nameOf(type: TokenType, what: Carried, { loginType }: Config): string {
  if (loginType === undefined) return `${type}${SUFFIXES[what]}`
  // OpenAPI 3.1 §4.8.7.1: names of components contain only letters, digits, '.', '-' and '_'.
  return `${loginType.replace(/[^\w.-]/g, '_')}${type === 'access' ? 'Access' : 'Refresh'}${SUFFIXES[what]}`
}

const schemaName = (name: string) => (name.endsWith('Error') ? name : `${name}Error`)

function responseOf(name: string, { description, challenge, retryAfter }: Answer): OpenApiResponse {
  const headers: Record<string, OpenApiHeader> = {}
  if (challenge) {
    const text = 'The challenge of RFC 6750, with its error code.'
    headers['WWW-Authenticate'] = { description: text, required: challenge === 'all', schema: { type: 'string' } }
  }
  if (retryAfter) {
    const text = 'Seconds until the request may be repeated.'
    headers['Retry-After'] = { description: text, required: retryAfter === 'all', schema: { type: 'integer' } }
  }
  const schema = { $ref: `#/components/schemas/${schemaName(name)}` }
  return { description, headers, content: { 'application/json': { schema } } }
}

/** The schema of the JSON body of an error. */
function schemaOf({ errors }: Answer, { errorMessageKey }: Config): OpenApiSchema {
  return {
    type: 'object',
    required: [errorMessageKey, 'error_type'],
    properties: {
      [errorMessageKey]: { type: 'string', description: 'The message, for people. It may change.' },
      error_type: { type: 'string', description: 'The name of the error, for programs.', enum: [...errors] },
    },
  }
}
