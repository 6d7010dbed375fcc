import type { Context, Middleware } from 'koa'
import { checkNames, isObject } from '../config/values.js'
import type { TokenPairOptions } from '../session/tokens.js'
import { isScope } from '../token/scopes.js'

/**
 * The result of a login: the subject, or the subject with options of its tokens. `undefined` or `null`: wrong
 * credentials.
 */
export type LoginResult = string | (TokenPairOptions & { sub: string }) | undefined | null

/**
 * Checks the credentials of a login request. `body` is the parsed JSON or form. Its members are not validated: a
 * password may be missing, a number or a list.
 */
export type Login = (body: Readonly<Record<string, unknown>>, ctx: Context) => LoginResult | Promise<LoginResult>

/** The path of each endpoint. `false` omits the endpoint. */
export interface AuthRouterPaths {
  /** The path of the login endpoint. `false` omits it. Default `'/login'`. */
  login?: string | false | undefined
  /** The path of the refresh endpoint. `false` omits it. Default `'/refresh'`. */
  refresh?: string | false | undefined
  /** The path of the logout endpoint. `false` omits it. Default `'/logout'`. */
  logout?: string | false | undefined
  /**
   * The path of the list of sessions. Each session is at this path plus its id: `/sessions/:sid`. Requires a store.
   * `false` omits both. Default `'/sessions'`.
   */
  sessions?: string | false | undefined
  /** The path of the revocation endpoint. Requires a store. `false` omits it. Default `'/revoke'`. */
  revoke?: string | false | undefined
}

/** What a session route requires of the access token. */
export interface SessionRule {
  /**
   * The required scopes: the token must cover all of them. `[]` requires none. Default: a token without scopes is
   * accepted; a token with scopes must cover `sessions`, because a token with limited scopes is for something else.
   */
  scopes?: readonly string[] | undefined
  /** Require a fresh token: issued for credentials, not by a refresh. Default false; in `end`, true. */
  fresh?: boolean | undefined
}

/** What listing and ending sessions require of the access token. Ending the token's own session requires nothing. */
export interface SessionsOptions extends SessionRule {
  /** What ending other sessions requires. Default: the scopes that listing requires, and `fresh: true`. */
  end?: SessionRule | undefined
}

/**
 * Middleware that runs before the body of a request is read, and before its tokens are verified: rate limits, parsers,
 * logs. It runs in this order: `all`, then that of the endpoint. It is also around the endpoint: errors of the endpoint
 * are thrown by `await next()`, and an error that it throws itself becomes the response.
 */
export interface AuthRouterBefore {
  /** Middleware of every endpoint. Default: none. */
  all?: Middleware | readonly Middleware[] | undefined
  /** Middleware of the login endpoint: `rateLimited(limiter)`. Default: none. */
  login?: Middleware | readonly Middleware[] | undefined
  /** Middleware of the refresh endpoint. Default: none. */
  refresh?: Middleware | readonly Middleware[] | undefined
  /** Middleware of the logout endpoint. Default: none. */
  logout?: Middleware | readonly Middleware[] | undefined
  /** Middleware of the list of sessions, and of the endpoints that end sessions. Default: none. */
  sessions?: Middleware | readonly Middleware[] | undefined
  /** Middleware of the revocation endpoint. Default: none. */
  revoke?: Middleware | readonly Middleware[] | undefined
}

/** A login at the login endpoint. */
export interface CompletedLogin {
  /** The subject. */
  readonly sub: string
  /** The id of the new session. `undefined` without a store: then there are no sessions. */
  readonly sid: string | undefined
}

/**
 * Is called after a login, before the response with its tokens. If it throws or rejects, the new session ends, the
 * response contains no token, and the error becomes the response. Sessions that the login has replaced have ended in
 * any case. If the store cannot end the new session, it stays in the list until it expires, but nobody has its tokens.
 */
export type AfterLogin = (ctx: Context, login: CompletedLogin) => unknown

/** Options of `authRouter`. */
export interface AuthRouterOptions {
  /** Checks the credentials. Default: none; then there is no login endpoint. */
  login?: Login | undefined
  /** Is called after a login, before the response. Default: none. */
  afterLogin?: AfterLogin | undefined
  /** Middleware that runs before the endpoints read the body: rate limits. Default: none. */
  before?: AuthRouterBefore | undefined
  /** The paths of the endpoints. Default: see `AuthRouterPaths`. */
  paths?: AuthRouterPaths | undefined
  /** What the session routes require of the access token. Default: see `SessionRule`. */
  sessions?: SessionsOptions | undefined
}

/** The name of an endpoint. */
export type Endpoint = keyof AuthRouterPaths

const DEFAULT_PATHS: Record<Endpoint, string> = {
  login: '/login',
  refresh: '/refresh',
  logout: '/logout',
  sessions: '/sessions',
  revoke: '/revoke',
}

const OPTIONS = new Set(['login', 'afterLogin', 'before', 'paths', 'sessions'])
const RULE = new Set(['scopes', 'fresh'])
const SESSIONS = new Set([...RULE, 'end'])
const ENDPOINTS = new Set(Object.keys(DEFAULT_PATHS))
const BEFORE = new Set(['all', ...ENDPOINTS])

/** Returns the path of each endpoint that is not omitted. @throws TypeError naming the invalid option. */
export function pathsOf(options: AuthRouterOptions): Partial<Record<Endpoint, string>> {
  checkNames(options, OPTIONS, 'authRouter')
  const { login, afterLogin, paths = {} } = options
  if (login !== undefined && typeof login !== 'function') throw new TypeError('login must be a function of (body, ctx)')
  if (afterLogin !== undefined && typeof afterLogin !== 'function')
    throw new TypeError('afterLogin must be a function of (ctx, login)')
  if (!isObject(paths)) throw new TypeError("paths must be an object such as { login: '/signin', revoke: false }")
  checkNames(paths, ENDPOINTS, 'authRouter paths')
  const found: Partial<Record<Endpoint, string>> = {}
  for (const [name, fallback] of Object.entries(DEFAULT_PATHS) as [Endpoint, string][]) {
    const path: unknown = paths[name] === undefined ? fallback : paths[name]
    if (path !== false && !isPath(path))
      throw new TypeError(`paths.${name} must be false or a path such as '${fallback}'`)
    if (path !== false) found[name] = path
  }
  return found
}

/** Whether a value is a path without a trailing slash. A slash and a session's id are appended to the path. */
const isPath = (value: unknown): value is string => typeof value === 'string' && /^\/\S*[^\s/]$/.test(value)

/** Returns the middleware that runs before each endpoint. @throws TypeError naming the invalid option. */
export function beforeOf({ before = {} }: AuthRouterOptions): (endpoint: Endpoint) => readonly Middleware[] {
  if (!isObject(before)) throw new TypeError('before must be an object such as { login: rateLimited(limiter) }')
  checkNames(before, BEFORE, 'authRouter before')
  const all = middlewareOf(before, 'all')
  const lists = new Map([...ENDPOINTS].map(name => [name, [...all, ...middlewareOf(before, name as Endpoint)]]))
  return endpoint => lists.get(endpoint) ?? []
}

function middlewareOf(before: AuthRouterBefore, name: keyof AuthRouterBefore): readonly Middleware[] {
  const given: unknown = before[name]
  const list: readonly unknown[] = given === undefined ? [] : Array.isArray(given) ? Array.from(given) : [given]
  if (list.every(each => typeof each === 'function')) return list as readonly Middleware[]
  throw new TypeError(`before.${name} must be middleware, or a list of middleware`)
}

/** The session rules with their defaults. */
export interface SessionRules {
  readonly list: SessionRule
  readonly end: SessionRule
}

/** Returns the session rules. @throws TypeError naming the invalid option. */
export function sessionRulesOf({ sessions = {} }: AuthRouterOptions): SessionRules {
  const { end = {}, ...list } = checkRule(sessions, SESSIONS, 'sessions') as SessionsOptions
  const { scopes = list.scopes, fresh = true } = checkRule(end, RULE, 'sessions.end')
  return { list: copyOf(list), end: copyOf({ scopes, fresh }) }
}

function checkRule(rule: SessionRule, names: ReadonlySet<string>, what: string): SessionRule {
  checkNames(rule, names, `authRouter ${what}`)
  const { scopes, fresh } = rule
  if (scopes !== undefined && !(Array.isArray(scopes) && Array.from(scopes).every(isScope))) {
    throw new TypeError(`${what}.scopes must be a list of scopes such as ['account'], or [] to require none`)
  }
  if (fresh !== undefined && typeof fresh !== 'boolean') throw new TypeError(`${what}.fresh must be true or false`)
  return rule
}

const copyOf = ({ scopes, fresh }: SessionRule): SessionRule => ({ ...(scopes && { scopes: [...scopes] }), fresh })
