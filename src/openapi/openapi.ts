import type { TokenLocation, TokenType } from '../config/options.js'
import type { Config } from '../config/table.js'
import { checkNames } from '../config/values.js'
import type * as errors from '../errors.js'

/** A Security Scheme Object of OpenAPI 3.1. */
export type OpenApiSecurityScheme =
  | { type: 'http'; scheme: 'bearer'; bearerFormat: 'JWT'; description: string }
  | { type: 'apiKey'; in: 'header' | 'cookie' | 'query'; name: string; description: string }

/** A Header Object of OpenAPI 3.1. */
export interface OpenApiHeader {
  /** What it says, in a sentence. */
  description: string
  /** Whether every response with this status has it. */
  required: boolean
  /** The type of its value. */
  schema: { type: 'string' | 'integer' }
}

/** A Response Object of OpenAPI 3.1. */
export interface OpenApiResponse {
  /** When the library answers so. */
  description: string
  /** By the names of the headers. */
  headers: Record<string, OpenApiHeader>
  /** The body; `$ref` is one of `schemas`. */
  content: { 'application/json': { schema: { $ref: string } } }
}

/** The Schema Object of an error's body. */
export interface OpenApiSchema {
  /** Bodies are objects. */
  type: 'object'
  /** The members that are always there. */
  required: string[]
  /** The member with the message, and `error_type` with the names that it may have. */
  properties: Record<string, { type: 'string'; description: string; enum?: string[] }>
}

/** What `openapi()` returns: members of a Components Object. */
export interface OpenApiComponents {
  /** By names that `openapiSecurity()` refers to. */
  securitySchemes: Record<string, OpenApiSecurityScheme>
  /** By the names that HTTP gives to their statuses: `Unauthorized`. */
  responses: Record<string, OpenApiResponse>
  /** The bodies of the errors. */
  schemas: Record<string, OpenApiSchema>
}

/** Security Requirement Objects: a request has to meet one of them, with all of its members. */
export type OpenApiSecurity = Record<string, string[]>[]

/** Which guard an operation has. */
export interface OpenApiSecurityOptions {
  /** The type of token that it asks for. Default `'access'`. */
  type?: TokenType | undefined
  /** As the guard's option. Default: if the method is one of `csrfMethods`. `refresh` and `logout` always ask for it. */
  verifyCsrf?: boolean | undefined
}

interface Answer {
  readonly description: string
  readonly errors: readonly Exclude<keyof typeof errors, 'AuthXError' | 'TokenTypeError'>[]
  /** Whether all of the errors carry `WWW-Authenticate`, or some. */
  readonly challenge?: 'all' | 'some'
  /** The same of `Retry-After`: not every limit ends. */
  readonly retryAfter?: 'all' | 'some'
}

/** The statuses of the library's errors, by the names that the specifications of HTTP give them. */
const ANSWERS: Readonly<Record<string, Answer>> = {
  BadRequest: {
    description: 'The token was not sent in a well-formed way.',
    errors: ['MalformedTokenRequestError'],
    challenge: 'all',
  },
  Unauthorized: {
    description: 'There is no token, or it is not good; at a login, the credentials are wrong.',
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
    description: 'The token is good and does not suffice, or the CSRF value is not the one of the token.',
    errors: [
      'InsufficientScopeError',
      'CSRFError',
      'MissingCSRFTokenError',
      'PolicyDeniedError',
      'PolicyEvaluationError',
    ],
    challenge: 'some',
  },
  TooManyRequests: { description: 'There were too many requests.', errors: ['RateLimitExceeded'], retryAfter: 'some' },
  InternalServerError: {
    description: 'The server is not configured for this.',
    errors: ['CookieTooLargeError', 'BadConfigurationError'],
  },
  ServiceUnavailable: {
    description: 'Whether the request may pass could not be found out.',
    errors: ['UnavailableError', 'StoreUnavailableError', 'CallbackUnavailableError'],
    retryAfter: 'all',
  },
}

/** The components that describe an instance: how requests carry its tokens, and how its errors are answered. */
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
 * The `security` of an operation: an alternative for each location, and a cookie together with its CSRF value.
 * @throws TypeError
 */
export function openApiSecurity(method: string, options: OpenApiSecurityOptions, config: Config): OpenApiSecurity {
  checkNames(options, SECURITY_OPTIONS, 'openapiSecurity')
  if (typeof method !== 'string') throw new TypeError('openapiSecurity takes the method of the operation')
  const { type = 'access', verifyCsrf = config.csrfMethods.includes(method.toUpperCase()) } = options
  if (type !== 'access' && type !== 'refresh') throw new TypeError("type must be 'access' or 'refresh'")
  if (typeof verifyCsrf !== 'boolean') throw new TypeError('verifyCsrf must be true or false')
  return describedLocations(type, config).map(location => {
    const withCsrf = verifyCsrf && location === 'cookies' && config.cookieCsrfProtect
    return { [nameOf(type, location, config)]: [], ...(withCsrf && { [nameOf(type, 'csrf', config)]: [] }) }
  })
}

/** OpenAPI has no word for a token in a JSON body. */
const describedLocations = (type: TokenType, { tokenLocation }: Config) =>
  tokenLocation[type].filter(location => location !== 'json')

/** What a request may have to carry. */
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
  if (carried.includes('cookies') && config.cookieCsrfProtect) carried.push('csrf')
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
  const source = config.csrfInCookies ? `the cookie ${cookie}` : 'csrf_token in the answers of login and refresh'
  return apiKey('header', name, `The CSRF value of the ${type} token: ${source}.`)
}

function apiKey(where: 'header' | 'cookie' | 'query', name: string, description: string): OpenApiSecurityScheme {
  return { type: 'apiKey', in: where, name, description }
}

const SUFFIXES: Record<Carried, string> = { headers: 'Token', cookies: 'Cookie', query: 'Query', csrf: 'Csrf' }

/** `accessToken`; `adminAccessToken` if the login type is `admin`, for one document may describe several instances. */
function nameOf(type: TokenType, what: Carried, { loginType }: Config): string {
  if (loginType === undefined) return `${type}${SUFFIXES[what]}`
  // OpenAPI 3.1 §4.8.7.1: the keys of components are made of letters, digits, '.', '-' and '_'.
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
    const text = 'Seconds after which the request may be repeated.'
    headers['Retry-After'] = { description: text, required: retryAfter === 'all', schema: { type: 'integer' } }
  }
  const schema = { $ref: `#/components/schemas/${schemaName(name)}` }
  return { description, headers, content: { 'application/json': { schema } } }
}

/** What the middleware renders. */
function schemaOf({ errors }: Answer, { errorMessageKey }: Config): OpenApiSchema {
  return {
    type: 'object',
    required: [errorMessageKey, 'error_type'],
    properties: {
      [errorMessageKey]: { type: 'string', description: 'For people. It may change.' },
      error_type: { type: 'string', description: 'For programs: what is the matter.', enum: [...errors] },
    },
  }
}
