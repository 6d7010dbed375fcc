import type Router from '@koa/router'
import type { Internals } from '../authenticate/internals.js'
import { checkNames } from '../config/values.js'
import {
  type OpenApiComponents,
  type OpenApiSecurity,
  type OpenApiSecurityOptions,
  openApi,
  openApiSecurity,
} from '../openapi/openapi.js'
import type { Endpoint } from './options.js'

/** A Schema Object of OpenAPI 3.1. */
export type OpenApiRouteSchema = Readonly<Record<string, unknown>>

/** A parameter of a path. */
export interface OpenApiPathParameter {
  /** The name of the parameter in the path. */
  name: string
  /** Always `path`. */
  in: 'path'
  /** Always true: a parameter of a path is never missing. */
  required: true
  /** The type of the value. */
  schema: { type: 'string' }
}

/** An Operation Object of OpenAPI 3.1. */
export interface OpenApiOperation {
  /** What the operation does. */
  summary: string
  /** The parameters of the path. */
  parameters?: OpenApiPathParameter[]
  /** The token, with its CSRF value. Missing if no security scheme describes it: it is not needed, or in a JSON body. */
  security?: OpenApiSecurity
  /** The body of the request. */
  requestBody?: { required: boolean; content: Record<string, { schema: OpenApiRouteSchema }> }
  /** The responses, by status. */
  responses: Record<string, Readonly<Record<string, unknown>>>
}

/** The result of `authRouterOpenapi`: members of an OpenAPI Object. */
export interface AuthRouterOpenApi {
  /** The operations of the routes, by path and method. */
  paths: Record<string, Record<string, OpenApiOperation>>
  /** The result of `authx.openapi()`: security schemes, error responses and their schemas. */
  components: OpenApiComponents
}

/** Options of `authRouterOpenapi`. */
export interface AuthRouterOpenApiOptions {
  /** The path under which the router is mounted, such as `'/auth'`. Not the prefix of the router itself. Default: none. */
  under?: string | undefined
}

/** The routes of a router, for `authRouterOpenapi`. */
export interface Described {
  readonly internals: Internals
  readonly paths: Partial<Record<Endpoint, string>>
  readonly hasLogin: boolean
}

const DESCRIBED = new WeakMap<Router, Described>()

/** Registers what `authRouterOpenapi` describes. */
export function describeRouter(router: Router, described: Described): void {
  DESCRIBED.set(router, described)
}

const OPTIONS = new Set(['under'])

/**
 * Returns `paths` and `components` of an OpenAPI 3.1 document for a router of `authRouter`, with its paths and its
 * prefix: `{ openapi: '3.1.0', info, ...authRouterOpenapi(auth, { under: '/auth' }) }`. Each call returns new objects.
 * @throws TypeError if the router is not from `authRouter`, for an invalid option, and for a path with a wildcard or an
 * optional part, because OpenAPI cannot describe it.
 */
export function authRouterOpenapi(auth: Router, options: AuthRouterOpenApiOptions = {}): AuthRouterOpenApi {
  const described = DESCRIBED.get(auth)
  if (!described) throw new TypeError('authRouterOpenapi: the first argument must be a router of authRouter')
  checkNames(options, OPTIONS, 'authRouterOpenapi')
  const { under = '' } = options
  if (typeof under !== 'string' || (under !== '' && !/^\/\S*[^\s/]$/.test(under)))
    throw new TypeError("under must be a path such as '/auth'")
  const prefix = under + (auth.opts.prefix ?? '')
  const paths: AuthRouterOpenApi['paths'] = {}
  for (const { path, method, ...operation } of operationsOf(described)) {
    const template = templateOf(prefix + path)
    const parameters = parametersOf(template)
    paths[template] = { ...paths[template], [method]: { ...operation, ...(parameters.length > 0 && { parameters }) } }
  }
  return { paths: structuredClone(paths), components: openApi(described.internals.config) }
}

/** Writes a path of @koa/router as OpenAPI does: `/:tenant/login` is `/{tenant}/login`. */
function templateOf(path: string): string {
  if (/[{}*"\\()]/.test(path)) throw new TypeError(`authRouterOpenapi: OpenAPI cannot describe the path ${path}`)
  return path.replaceAll(/:([$_\p{ID_Start}][$\p{ID_Continue}]*)/gu, '{$1}')
}

const parametersOf = (template: string): OpenApiPathParameter[] =>
  [...template.matchAll(/\{([^}]+)\}/g)].map(([, name = '']) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }))

type Placed = OpenApiOperation & { readonly path: string; readonly method: 'get' | 'post' | 'delete' }

function operationsOf({ internals: { config }, paths, hasLogin }: Described): Placed[] {
  const secured = (method: string, ...each: OpenApiSecurityOptions[]) => {
    const security = each.flatMap(options => openApiSecurity(method, options, config))
    return security.length > 0 ? { security } : {}
  }
  const access = { type: 'access' } as const
  const refresh = { type: 'refresh', verifyCsrf: true } as const
  const operations: Placed[] = []
  const add = (path: string | false | undefined, method: Placed['method'], operation: OpenApiOperation) => {
    if (path) operations.push({ path, method, ...operation })
  }
  add(hasLogin && paths.login, 'post', {
    summary: 'Log in. The members of the body are those that the application asks for.',
    requestBody: bodyOf({ type: 'object' }),
    responses: { 200: json('The tokens.', TOKENS), ...refusals('BadRequest', 'Unauthorized', 'Forbidden', ...EVERY) },
  })
  add(paths.refresh, 'post', {
    summary: 'Exchange the refresh token for its successor and a new access token.',
    ...secured('post', refresh),
    responses: { 200: json('The tokens.', TOKENS), ...refusals('BadRequest', 'Unauthorized', 'Forbidden', ...EVERY) },
  })
  add(paths.logout, 'post', {
    summary: 'End the session of the token.',
    ...secured('post', { verifyCsrf: true }, refresh),
    responses: { 204: ENDED, ...refusals('BadRequest', 'Unauthorized', 'Forbidden', ...EVERY) },
  })
  add(paths.revoke, 'post', {
    summary: 'End the session of the token in the body (RFC 7009).',
    requestBody: bodyOf({ type: 'object', required: ['token'], properties: { token: { type: 'string' } } }),
    responses: {
      200: { description: 'The token is not valid any more, or never was.' },
      ...refusals('BadRequest', ...EVERY),
    },
  })
  const { sessions } = paths
  const guarded = refusals('BadRequest', 'Unauthorized', 'Forbidden', ...EVERY)
  add(sessions, 'get', {
    summary: "List the caller's sessions, the most recently active first.",
    ...secured('get', access),
    responses: { 200: { ...json('The sessions.', SESSIONS), headers: INCOMPLETE }, ...guarded },
  })
  add(sessions, 'delete', {
    summary: 'End all sessions of the caller.',
    ...secured('delete', access),
    responses: { 204: ENDED, ...guarded },
  })
  add(sessions && `${sessions}/others`, 'delete', {
    summary: 'End all sessions of the caller except the current one.',
    ...secured('delete', access),
    responses: { 204: ENDED, ...guarded, ...refusals('NotFound') },
  })
  add(sessions && `${sessions}/:sid`, 'delete', {
    summary: 'End one session of the caller.',
    ...secured('delete', access),
    responses: { 204: ENDED, ...guarded, ...refusals('NotFound') },
  })
  return operations
}

const STATUSES = {
  BadRequest: 400,
  Unauthorized: 401,
  Forbidden: 403,
  NotFound: 404,
  ContentTooLarge: 413,
  UnsupportedMediaType: 415,
  TooManyRequests: 429,
  InternalServerError: 500,
  ServiceUnavailable: 503,
} as const

type Refusal = keyof typeof STATUSES

/** The refusals of every route: of its body, of a rate limit, and of the server. */
const EVERY = [
  'ContentTooLarge',
  'UnsupportedMediaType',
  'TooManyRequests',
  'InternalServerError',
  'ServiceUnavailable',
] as const

const refusals = (...names: readonly Refusal[]) =>
  Object.fromEntries(names.map(name => [STATUSES[name], { $ref: `#/components/responses/${name}` }]))

const json = (description: string, schema: OpenApiRouteSchema) => ({
  description,
  content: { 'application/json': { schema } },
})

const bodyOf = (schema: OpenApiRouteSchema) => ({
  required: true,
  content: {
    'application/json': { schema },
    'application/x-www-form-urlencoded': { schema },
  },
})

const ENDED = { description: 'Done.' }

const TOKENS: OpenApiRouteSchema = {
  type: 'object',
  required: ['token_type', 'expires_in'],
  properties: {
    access_token: { type: 'string', description: 'Missing if it is only in a cookie.' },
    refresh_token: { type: 'string', description: 'Missing if it is only in a cookie, or does not change.' },
    token_type: { type: 'string', const: 'bearer' },
    expires_in: { type: 'integer', description: 'Seconds until the access token expires.' },
    csrf_token: { type: 'string', description: 'The CSRF value of the cookies. Only with csrfInCookies: false.' },
  },
}

const SESSIONS: OpenApiRouteSchema = {
  type: 'array',
  items: {
    type: 'object',
    required: ['sid', 'sub', 'createdAt', 'lastActiveAt', 'expiresAt', 'device', 'current'],
    properties: {
      sid: { type: 'string', description: 'The id of the session.' },
      sub: { type: 'string' },
      createdAt: { type: 'string', format: 'date-time' },
      lastActiveAt: { type: 'string', format: 'date-time' },
      expiresAt: { type: 'string', format: 'date-time' },
      device: { type: 'object' },
      context: { type: 'object', description: 'Missing if the login had none.' },
      current: { type: 'boolean', description: 'Whether it is the session of this request.' },
    },
  },
}

const INCOMPLETE = {
  'Sessions-Incomplete': {
    description: 'Present if live sessions may be missing from the list.',
    required: false,
    schema: { type: 'string', const: 'true' },
  },
}
