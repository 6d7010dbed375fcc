import type { TokenLocation, TokenType } from '../config/options.js'
import type { Config } from '../config/table.js'
import { MissingTokenError } from '../errors.js'
import { hasUnparsedBody, hasUnparsedJson, warnAboutBody } from '../request/body.js'
import { checkCsrf } from '../request/csrf.js'
import { type Candidate, type LocatedToken, locate } from '../request/locate.js'
import { checkUpgradeOrigin } from '../request/origin.js'
import type { TokenPayload } from '../token/payload.js'
import type { Identified } from './candidates.js'
import type { AuthContext, Internals } from './internals.js'
import * as checks from './token-checks.js'
import { verifyToken } from './verification.js'

/** The token that a request must have. */
export interface Requirement extends checks.TokenRequirement {
  /** Require the CSRF value with a token from a cookie. Default: only if the method is one of `csrfMethods`. */
  readonly verifyCsrf?: boolean | undefined
  /** The locations where the token is searched, in this order. Default: the option `tokenLocation`. */
  readonly locations?: readonly TokenLocation[] | undefined
}

/**
 * Check the token of a request.
 * @returns the payload; `undefined` if there is no token. A promise only if there is something to wait for.
 * @throws AuthXError, or rejects with an AuthXError.
 */
export function authenticate(
  internals: Internals,
  ctx: AuthContext,
  requirement: Requirement,
): checks.Checked | Promise<checks.Checked> {
  return checks.checkToken(internals, new RequestSource(internals, ctx, requirement), requirement)
}

/**
 * Check the token of a request, but not its revocation and freshness.
 * @throws AuthXError, or rejects with an AuthXError.
 */
export function identify(
  internals: Internals,
  ctx: AuthContext,
  requirement: Requirement,
): Identified | Promise<Identified> | undefined {
  return checks.identify(internals, new RequestSource(internals, ctx, requirement), requirement)
}

/**
 * Returns the candidates for the token of a request, not verified.
 * @throws MalformedTokenRequestError
 */
export function locateRequired(
  { config, requestCache }: Internals,
  ctx: AuthContext,
  { type = 'access', locations = config.tokenLocation[type] }: Requirement,
): readonly LocatedToken[] {
  const cookies = locations.indexOf('cookies')
  const renewed = type === 'access' && cookies >= 0 ? requestCache.renewed(ctx.req) : undefined
  if (!renewed) return locate(ctx, type, locations, config)
  const before = locate(ctx, type, locations.slice(0, cookies), config)
  return before.length > 0 ? before : [renewed]
}

/** The token source of a request. Results are cached for other guards of this request. */
class RequestSource implements checks.TokenSource {
  readonly #internals: Internals
  readonly #ctx: AuthContext
  readonly #requirement: Requirement

  constructor(internals: Internals, ctx: AuthContext, requirement: Requirement) {
    this.#internals = internals
    this.#ctx = ctx
    this.#requirement = requirement
  }

  locate(): readonly Candidate[] {
    return locateRequired(this.#internals, this.#ctx, this.#requirement)
  }

  verify(candidate: Candidate): TokenPayload | Promise<TokenPayload> {
    const verify = () => verifyToken(this.#internals, candidate.token, this.#ctx)
    return this.#internals.requestCache.verified(this.#ctx.req, candidate, verify)
  }

  checkOrigin({ payload, located }: Identified): void {
    // Browsers send cookies for pages of any site, so check where the request comes from.
    if (located.location !== 'cookies') return
    const { config } = this.#internals
    checkUpgradeOrigin(this.#ctx, config)
    checkCsrf(this.#ctx, located, payload, config, this.#requirement.verifyCsrf)
  }

  checkRevocation({ payload, located }: Identified): Promise<unknown> | undefined {
    const { requestCache, revocation } = this.#internals
    return requestCache.revocation(this.#ctx.req, located, () => revocation.check(payload))
  }
}

/** Options of `verifyToken`. */
export interface VerifyTokenOptions {
  /** The required type of the token. Default `'access'`. */
  type?: TokenType | undefined
  /** Reject a token of the other type. Default true. */
  verifyType?: boolean | undefined
  /** Require a fresh token: issued for credentials, not by a refresh. Default false. */
  verifyFresh?: boolean | undefined
}

/** Check a token outside of a request. @throws AuthXError */
export async function authenticateToken(
  internals: Internals,
  token: string,
  options: VerifyTokenOptions,
): Promise<TokenPayload> {
  const { type = 'access' } = options
  const source: checks.TokenSource = {
    locate: () => [{ token, type }],
    verify: () => verifyToken(internals, token, undefined),
    checkOrigin: () => {},
    checkRevocation: ({ payload }) => internals.revocation.check(payload),
  }
  return (await checks.checkToken(internals, source, options)) as TokenPayload
}

/** Makes the error for a request without a token. Its cause names the searched locations and a likely mistake. */
export function missing(
  ctx: AuthContext,
  { type = 'access', locations }: Requirement,
  config: Config,
): MissingTokenError {
  const tried = locations ?? config.tokenLocation[type]
  const hint = tried.includes('json') ? bodyHint(ctx) : ''
  return new MissingTokenError({ cause: `no ${type} token in ${tried.join(', ')}${hint}` })
}

function bodyHint(ctx: AuthContext): string {
  if (!hasUnparsedBody(ctx)) return ''
  if (!hasUnparsedJson(ctx)) return '; the body has not been parsed: its Content-Type is not application/json'
  warnAboutBody()
  return '; the body has not been parsed: mount koa-body before the guard'
}
