import type { Context, Middleware } from 'koa'
import { TOKEN_LOCATIONS, type TokenLocation, type TokenType } from '../config/options.js'
import { isObject } from '../config/values.js'
import { BadConfigurationError, InsufficientScopeError, SubjectNotFoundError } from '../errors.js'
import type { TokenPayload } from '../token/payload.js'
import { coversAll, coversAny, isScope } from '../token/scopes.js'
import type { Described } from './guard-info.js'
import { type GuardOwner, makeGuard } from './make-guard.js'

/** Options of guards. */
export interface GuardOptions {
  /** Whether a token from a cookie needs its CSRF value. Default: if the method is one of `csrfMethods`. */
  verifyCsrf?: boolean | undefined
  /** Where to look, in this order. Default: `tokenLocation`. */
  locations?: readonly TokenLocation[] | undefined
  /** Let a request without a token pass, unauthenticated. An invalid token is refused all the same. Default false. */
  optional?: boolean | undefined
}

/** Options of `tokenRequired`. */
export interface TokenGuardOptions extends GuardOptions {
  /** The type of token to look for. Default `'access'`. */
  type?: TokenType | undefined
  /** Whether a token of the other type is refused. Default true. */
  verifyType?: boolean | undefined
  /** Whether only a token issued for credentials passes, not one issued by a refresh. Default false. */
  verifyFresh?: boolean | undefined
}

type TokenGuard = Described<Middleware<{ token: TokenPayload }>>

const COMMON = ['verifyCsrf', 'locations', 'optional']

/** The guards that are `tokenRequired` with some of its options fixed. */
const FIXED = {
  tokenRequired: {},
  accessTokenRequired: { type: 'access' },
  refreshTokenRequired: { type: 'refresh' },
  freshTokenRequired: { type: 'access', verifyFresh: true },
} as const satisfies Record<string, TokenGuardOptions>

/**
 * A guard that checks the token and nothing else.
 * @throws TypeError for an option that this guard does not have, or a wrong value.
 */
export function tokenGuard(
  owner: GuardOwner,
  name: keyof typeof FIXED,
  options: TokenGuardOptions = {},
): Described<Middleware<{ token?: TokenPayload }>> {
  checkGuardOptions(options, name === 'tokenRequired' ? [...COMMON, 'type', 'verifyType', 'verifyFresh'] : COMMON)
  const { locations } = options
  const requirement = { ...options, ...(locations && { locations: [...locations] }), ...FIXED[name] }
  return makeGuard(owner, { name, asked: asWritten(options), requirement })
}

/** Options as they are written: `type: refresh`. */
function asWritten(options: object): string[] {
  return Object.entries(options)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}: ${Array.isArray(value) ? value.join(' or ') : value}`)
}

/** Passes access tokens whose scopes cover all (`scopesRequired`) or one of `scopes`. */
export function scopeGuard(
  owner: GuardOwner,
  name: 'scopesRequired' | 'anyScopeRequired',
  scopes: readonly string[],
): TokenGuard {
  if (scopes.length === 0 || !scopes.every(isScope)) {
    throw new TypeError(`${name} takes one scope or more: printable ASCII without space, quote and backslash`)
  }
  const covers = name === 'scopesRequired' ? coversAll : coversAny
  const check = (_ctx: unknown, payload: TokenPayload) => {
    if (!covers(payload.scopes ?? [], scopes)) throw new InsufficientScopeError(scopes)
  }
  return makeGuard(owner, { name, asked: scopes, check })
}

/** Passes access tokens whose subject the subject getter finds, and puts it on `ctx.state.subject`. */
export function subjectGuard(owner: GuardOwner): Described<Middleware<{ token: TokenPayload; subject: unknown }>> {
  const getter = () => {
    const { subjectGetter } = owner.internals
    if (subjectGetter) return subjectGetter
    throw new BadConfigurationError(['subjectRequired needs a subject getter: authx.setSubjectGetter(...)'])
  }
  return makeGuard<{ token: TokenPayload; subject: unknown }>(owner, {
    name: 'subjectRequired',
    checkConfigured: getter,
    check: async (ctx, payload) => {
      const subject = await getter()(payload.sub, ctx as unknown as Context)
      if (subject === undefined || subject === null) throw new SubjectNotFoundError()
      ctx.state.subject = subject
    },
  })
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
      const sound =
        Array.isArray(value) && value.length > 0 && value.every(location => TOKEN_LOCATIONS.includes(location))
      if (!sound) throw new TypeError(`locations must be a list of ${TOKEN_LOCATIONS.join(', ')}`)
    } else if (typeof value !== 'boolean') throw new TypeError(`${name} must be true or false`)
  }
}
