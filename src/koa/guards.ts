import type { Context, Middleware } from 'koa'
import type { TokenLocation, TokenType } from '../config/options.js'
import { isObject } from '../config/values.js'
import { BadConfigurationError, InsufficientScopeError, SubjectNotFoundError } from '../errors.js'
import type { TokenPayload } from '../token/payload.js'
import { coversAll, coversAny, isScope } from '../token/scopes.js'
import { authenticate, missing, type Requirement } from './authenticate.js'
import { record } from './guard-record.js'
import type { Parts } from './parts.js'

/** Options of guards. */
export interface GuardOptions {
  /** Whether a token from a cookie needs its CSRF value. Default: if the method is one of `csrfMethods`. */
  verifyCsrf?: boolean | undefined
  /** Where to look, in this order. Default: `tokenLocation`. */
  locations?: readonly TokenLocation[] | undefined
  /** Whether a request without a token passes, as nobody's. A token that is not good is refused all the same. Default false. */
  optional?: boolean | undefined
}

/** Options of `tokenRequired`. */
export interface TokenGuardOptions extends GuardOptions {
  /** Which token is looked for. Default `'access'`. */
  type?: TokenType | undefined
  /** Whether a token of the other type is refused. Default true. */
  verifyType?: boolean | undefined
  /** Whether only a token issued by credentials passes, not one issued by a refresh. Default false. */
  verifyFresh?: boolean | undefined
}

const LOCATIONS = ['headers', 'cookies', 'json', 'query']
const COMMON = ['verifyCsrf', 'locations', 'optional']

/** The guards that are `tokenRequired` with some of its options fixed. */
const FIXED = {
  tokenRequired: {},
  accessTokenRequired: { type: 'access' },
  refreshTokenRequired: { type: 'refresh' },
  freshTokenRequired: { type: 'access', verifyFresh: true },
} as const satisfies Record<string, TokenGuardOptions>

/**
 * A guard that verifies the token and puts its payload on `ctx.state.token`.
 * @throws TypeError for an option that this guard does not have, or a wrong value.
 */
export function tokenGuard(
  parts: Parts,
  name: keyof typeof FIXED,
  options: TokenGuardOptions = {},
): Middleware<{ token: TokenPayload }> {
  checkGuardOptions(options, name === 'tokenRequired' ? [...COMMON, 'type', 'verifyType', 'verifyFresh'] : COMMON)
  const { locations } = options
  const requirement = { ...options, ...(locations && { locations: [...locations] }), ...FIXED[name] }
  const guard = named<Middleware<{ token: TokenPayload }>>(name, async (ctx, next) => {
    await admit(parts, ctx, requirement)
    await next()
  })
  const { loginType } = parts.config
  return record(guard, name, { loginType, asked: asWritten(options), protects: !options.optional })
}

/** What a guard was made with: `type: refresh`. */
function asWritten(options: object): string[] {
  return Object.entries(options)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}: ${Array.isArray(value) ? value.join(' or ') : value}`)
}

/** A guard says in stack traces, and to whoever lists routes, which it is. */
function named<Guard extends Middleware<never>>(name: string, guard: Guard): Guard {
  return Object.defineProperty(guard, 'name', { value: name })
}

/** Passes access tokens whose scopes cover all (`scopesRequired`) or one of `scopes`. */
export function scopesRequired(
  parts: Parts,
  name: 'scopesRequired' | 'anyScopeRequired',
  scopes: readonly string[],
): Middleware<{ token: TokenPayload }> {
  if (scopes.length === 0 || !scopes.every(isScope)) {
    throw new TypeError(`${name} takes one scope or more: printable ASCII without space, quote and backslash`)
  }
  const cover = name === 'scopesRequired' ? coversAll : coversAny
  const guard = named<Middleware<{ token: TokenPayload }>>(name, async (ctx, next) => {
    const payload = await admit(parts, ctx, {})
    if (!cover(payload?.scopes ?? [], scopes)) throw new InsufficientScopeError(scopes)
    await next()
  })
  return record(guard, name, { loginType: parts.config.loginType, asked: scopes })
}

/** Passes access tokens whose subject the subject getter finds, and puts it on `ctx.state.subject`. */
export function subjectRequired(parts: Parts): Middleware<{ token: TokenPayload; subject: unknown }> {
  const guard: Middleware<{ token: TokenPayload; subject: unknown }> = async function subjectRequired(ctx, next) {
    if (!parts.subjectGetter)
      throw new BadConfigurationError(['subjectRequired needs a subject getter: authx.setSubjectGetter(...)'])
    const payload = await admit(parts, ctx, {})
    const subject = await parts.subjectGetter(String(payload?.sub), ctx as unknown as Context)
    if (subject === undefined || subject === null) throw new SubjectNotFoundError()
    ctx.state.subject = subject
    await next()
  }
  return record(guard, 'subjectRequired', { loginType: parts.config.loginType })
}

/** Authenticate, and only then commit to the request. What another guard or the middleware found there is replaced. */
export async function admit(
  parts: Parts,
  ctx: Parameters<Middleware<{ token: TokenPayload }>>[0],
  requirement: Requirement & { optional?: boolean },
): Promise<TokenPayload | undefined> {
  const payload = await authenticate(parts, ctx, requirement)
  if (!payload && !requirement.optional) throw missing(ctx, requirement, parts.config)
  const state: { token?: TokenPayload } = ctx.state
  if (payload) state.token = payload
  else delete state.token
  return payload
}

/** @throws TypeError when the guard is made, not when a request comes. */
function checkGuardOptions(options: TokenGuardOptions, names: readonly string[]): void {
  if (!isObject(options)) throw new TypeError(`the options of a guard are an object with ${names.join(', ')}`)
  for (const [name, value] of Object.entries(options)) {
    if (!names.includes(name)) {
      throw new TypeError(`${name} is not an option of this guard; it takes ${names.join(', ')}`)
    }
    if (value === undefined) continue
    if (name === 'type') {
      if (value !== 'access' && value !== 'refresh') throw new TypeError("type must be 'access' or 'refresh'")
    } else if (name === 'locations') {
      const sound = Array.isArray(value) && value.length > 0 && value.every(location => LOCATIONS.includes(location))
      if (!sound) throw new TypeError(`locations must be a list of ${LOCATIONS.join(', ')}`)
    } else if (typeof value !== 'boolean') throw new TypeError(`${name} must be true or false`)
  }
}
