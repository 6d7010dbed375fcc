import type { Context } from 'koa'
import { checkNames, isObject } from '../config/values.js'
import type { TokenPairOptions } from '../session/tokens.js'
import { isScope } from '../token/scopes.js'

/** Who has logged in: the subject, or the subject and options of its tokens. `undefined` or `null`: nobody. */
export type LoginResult = string | (TokenPairOptions & { sub: string }) | undefined | null

/**
 * Judges the credentials of a request. The members of `body`, which came as JSON or as a form, may be anything: a password
 * may be missing, a number or a list.
 */
export type Login = (body: Readonly<Record<string, unknown>>, ctx: Context) => LoginResult | Promise<LoginResult>

/** Where each endpoint is; `false` leaves it out. */
export interface AuthRouterPaths {
  /** Default `'/login'`. */
  login?: string | false | undefined
  /** Default `'/refresh'`. */
  refresh?: string | false | undefined
  /** Default `'/logout'`. */
  logout?: string | false | undefined
  /** Default `'/sessions'`; below it, each session under its id. Needs a store. */
  sessions?: string | false | undefined
  /** Default `'/revoke'`. Needs a store. */
  revoke?: string | false | undefined
}

/** What an access token needs for a session route. */
export interface SessionRule {
  /**
   * Scopes, all of which the token has to cover; `[]` asks for none. Default: a token without scopes passes, and one with
   * scopes has to cover `sessions`, since a token that was narrowed for something else is not meant for this.
   */
  scopes?: readonly string[] | undefined
  /** Whether the token has to be fresh: issued for credentials, not by a refresh. */
  fresh?: boolean | undefined
}

/** What an access token needs to list and to end sessions of its subject. To end its own session it needs nothing. */
export interface SessionsOptions extends SessionRule {
  /** What it needs to end other sessions. Default: the same scopes as for the list, and `fresh: true`. */
  end?: SessionRule | undefined
}

/** Options of `authRouter`. */
export interface AuthRouterOptions {
  /** Judges the credentials. Without it there is no login endpoint. */
  login?: Login | undefined
  /** Other paths than the default ones. */
  paths?: AuthRouterPaths | undefined
  /** What an access token needs for the session routes. */
  sessions?: SessionsOptions | undefined
}

type Endpoint = keyof AuthRouterPaths

const DEFAULT_PATHS: Record<Endpoint, string> = {
  login: '/login',
  refresh: '/refresh',
  logout: '/logout',
  sessions: '/sessions',
  revoke: '/revoke',
}

const OPTIONS = new Set(['login', 'paths', 'sessions'])
const RULE = new Set(['scopes', 'fresh'])
const SESSIONS = new Set([...RULE, 'end'])
const ENDPOINTS = new Set(Object.keys(DEFAULT_PATHS))

/** The path of each endpoint that is not left out. @throws TypeError naming the option that is wrong. */
export function pathsOf(options: AuthRouterOptions): Partial<Record<Endpoint, string>> {
  checkNames(options, OPTIONS, 'authRouter')
  const { login, paths = {} } = options
  if (login !== undefined && typeof login !== 'function') throw new TypeError('login must be a function (body, ctx)')
  if (!isObject(paths)) throw new TypeError("paths must be an object such as { login: '/signin', revoke: false }")
  checkNames(paths, ENDPOINTS, 'paths')
  const found: Partial<Record<Endpoint, string>> = {}
  for (const [name, fallback] of Object.entries(DEFAULT_PATHS) as [Endpoint, string][]) {
    const path: unknown = paths[name] === undefined ? fallback : paths[name]
    if (path !== false && !isPath(path))
      throw new TypeError(`paths.${name} must be false or a path such as '${fallback}'`)
    if (path !== false) found[name] = path
  }
  return found
}

/** Without a slash at the end: the id of a session comes after it. */
const isPath = (value: unknown): value is string => typeof value === 'string' && /^\/\S*[^\s/]$/.test(value)

/** The rules with their defaults. */
export interface SessionRules {
  readonly list: SessionRule
  readonly end: SessionRule
}

/** @throws TypeError naming the option that is wrong. */
export function sessionRulesOf({ sessions = {} }: AuthRouterOptions): SessionRules {
  const { end = {}, ...list } = checkRule(sessions, SESSIONS, 'sessions') as SessionsOptions
  const { scopes = list.scopes, fresh = true } = checkRule(end, RULE, 'sessions.end')
  return { list: copyOf(list), end: copyOf({ scopes, fresh }) }
}

function checkRule(rule: SessionRule, names: ReadonlySet<string>, what: string): SessionRule {
  checkNames(rule, names, what)
  const { scopes, fresh } = rule
  if (scopes !== undefined && !(Array.isArray(scopes) && Array.from(scopes).every(isScope))) {
    throw new TypeError(`${what}.scopes must be a list of scopes such as ['account'], or [] to ask for none`)
  }
  if (fresh !== undefined && typeof fresh !== 'boolean') throw new TypeError(`${what}.fresh must be true or false`)
  return rule
}

const copyOf = ({ scopes, fresh }: SessionRule): SessionRule => ({ ...(scopes && { scopes: [...scopes] }), fresh })
