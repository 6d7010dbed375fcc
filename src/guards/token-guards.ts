import type { Context, Middleware } from 'koa'
import { findSubject } from '../authenticate/subject.js'
import { type Duration, parseDuration } from '../config/duration.js'
import { TOKEN_LOCATIONS, type TokenLocation, type TokenType } from '../config/options.js'
import { checkNames } from '../config/values.js'
import { BadConfigurationError, InsufficientScopeError } from '../errors.js'
import { checkAmr } from '../token/claims.js'
import type { TokenPayload } from '../token/payload.js'
import { coversAll, coversAny, isScope } from '../token/scopes.js'
import type { Described } from './guard-info.js'
import { type GuardOwner, makeGuard } from './make-guard.js'

/** Options of guards. */
export interface GuardOptions {
  /** Require the CSRF value with a token from a cookie. Default: only if the method is one of `csrfMethods`. */
  verifyCsrf?: boolean | undefined
  /** The locations where the token is searched, in this order. Default: the option `tokenLocation` of the instance. */
  locations?: readonly TokenLocation[] | undefined
  /** Let a request without a token pass, unauthenticated. An invalid token is still rejected. Default false. */
  optional?: boolean | undefined
}

/** Options of `tokenRequired`. */
export interface TokenGuardOptions extends GuardOptions {
  /** The type of token to look for. Default `'access'`. */
  type?: TokenType | undefined
  /** Reject a token of the other type. Default true. */
  verifyType?: boolean | undefined
  /** Require a fresh token: issued for credentials, not by a refresh. Default false. */
  verifyFresh?: boolean | undefined
}

/** Options of `freshTokenRequired`. */
export interface FreshGuardOptions extends GuardOptions {
  /**
   * How long ago the user may have given credentials: a positive duration, such as `'5m'`. The claim `auth_time`
   * decides, so the token may come from a refresh. Default: any time if `amr` is set; otherwise the token itself must
   * be fresh.
   */
  within?: Duration | undefined
  /**
   * The methods by which the user must have given credentials (RFC 8176), such as `['otp']`. The claim `amr` must
   * contain all of them, and the token may come from a refresh. Default: none.
   */
  amr?: readonly string[] | undefined
}

type TokenGuard = Described<Middleware<{ token: TokenPayload }>>

const COMMON = ['verifyCsrf', 'locations', 'optional']

/**
 * The options of `tokenRequired` that each guard sets itself. In everything else the guard works like `tokenRequired`.
 */
const FIXED = {
  tokenRequired: {},
  accessTokenRequired: { type: 'access' },
  refreshTokenRequired: { type: 'refresh' },
} as const satisfies Record<string, TokenGuardOptions>

/**
 * Makes a guard that checks the token only.
 * @throws TypeError for an unknown option or an invalid value.
 */
export function tokenGuard(
  owner: GuardOwner,
  name: keyof typeof FIXED,
  options: TokenGuardOptions = {},
): Described<Middleware<{ token?: TokenPayload }>> {
  checkGuardOptions(options, name, name === 'tokenRequired' ? [...COMMON, 'type', 'verifyType', 'verifyFresh'] : COMMON)
  const { locations } = options
  const requirement = { ...options, ...(locations && { locations: [...locations] }), ...FIXED[name] }
  return makeGuard(owner, { name, asked: asWritten(options), requirement })
}

/**
 * Makes the guard `freshTokenRequired`. With `within` or `amr`, the claims `auth_time` and `amr` decide; otherwise the
 * claim `fresh`.
 * @throws TypeError for an unknown option or an invalid value.
 */
export function freshGuard(
  owner: GuardOwner,
  options: FreshGuardOptions = {},
): Described<Middleware<{ token?: TokenPayload }>> {
  checkNames(options, new Set([...COMMON, 'within', 'amr']), 'freshTokenRequired')
  const { within, amr, locations, ...common } = options
  checkGuardOptions({ ...common, locations }, 'freshTokenRequired', COMMON)
  checkAmr(amr)
  const withinSeconds = within === undefined ? undefined : parseDuration(within)
  if (within !== undefined && !withinSeconds) {
    throw new TypeError("within must be a positive duration: seconds, or a string such as '5m'")
  }
  const byClaims = withinSeconds !== undefined || amr !== undefined
  const freshness = byClaims ? { withinSeconds, amr: [...(amr ?? [])] } : undefined
  const requirement = { ...common, ...(locations && { locations: [...locations] }), verifyFresh: !byClaims, freshness }
  return makeGuard(owner, { name: 'freshTokenRequired', asked: asWritten(options), requirement })
}

/**
 * Returns the options as text for `audit`, such as `type: refresh`. Values of `amr` are joined with "and", because all
 * are required, and values of `locations` with "or", because one is enough.
 */
function asWritten(options: object): string[] {
  return Object.entries(options)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}: ${Array.isArray(value) ? value.join(name === 'amr' ? ' and ' : ' or ') : value}`)
}

/** Makes a guard that requires all (`scopesRequired`) or one (`anyScopeRequired`) of `scopes`. */
export function scopeGuard(
  owner: GuardOwner,
  name: 'scopesRequired' | 'anyScopeRequired',
  scopes: readonly string[],
): TokenGuard {
  if (scopes.length === 0 || !scopes.every(isScope)) {
    throw new TypeError(`${name} takes one or more scopes: printable ASCII without spaces, quotes and backslashes`)
  }
  const covers = name === 'scopesRequired' ? coversAll : coversAny
  const check = (_ctx: unknown, payload: TokenPayload) => {
    if (!covers(payload.scopes ?? [], scopes)) throw new InsufficientScopeError(scopes)
  }
  return makeGuard(owner, { name, asked: scopes, check })
}

/** Makes a guard that requires that the token's subject exists, and sets `ctx.state.subject`. */
export function subjectGuard(owner: GuardOwner): Described<Middleware<{ token: TokenPayload; subject: unknown }>> {
  const checkConfigured = () => {
    if (!owner.internals.subjectGetter)
      throw new BadConfigurationError(['subjectRequired requires a subject getter; call authx.setSubjectGetter(...)'])
  }
  return makeGuard<{ token: TokenPayload; subject: unknown }>(owner, {
    name: 'subjectRequired',
    checkConfigured,
    check: async (ctx, payload) => {
      ctx.state.subject = await findSubject(owner.internals, payload, ctx as unknown as Context)
    },
  })
}

/** Checks the options when the guard is made, not when a request comes. @throws TypeError */
function checkGuardOptions(options: TokenGuardOptions, guard: string, names: readonly string[]): void {
  checkNames(options, new Set(names), guard)
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined) continue
    if (name === 'type') {
      if (value !== 'access' && value !== 'refresh') throw new TypeError("type must be 'access' or 'refresh'")
    } else if (name === 'locations') {
      const sound =
        Array.isArray(value) && value.length > 0 && value.every(location => TOKEN_LOCATIONS.includes(location))
      if (!sound) throw new TypeError(`locations must be a non-empty list of ${TOKEN_LOCATIONS.join(', ')}`)
    } else if (typeof value !== 'boolean') throw new TypeError(`${name} must be true or false`)
  }
}
