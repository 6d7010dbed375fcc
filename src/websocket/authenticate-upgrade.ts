import type { IncomingMessage } from 'node:http'
import type { Internals } from '../authenticate/internals.js'
import { emittingRefused } from '../authenticate/refusal.js'
import { checkToken, type TokenSource } from '../authenticate/token-checks.js'
import { verifyToken } from '../authenticate/verification.js'
import { TOKEN_LOCATIONS } from '../config/options.js'
import { checkNames, isObject } from '../config/values.js'
import { BadConfigurationError, MissingTokenError } from '../errors.js'
import { checkOrigin, checkOrigins } from '../request/origin.js'
import { warnOnce } from '../request/warn.js'
import type { TokenPayload } from '../token/payload.js'
import { locateInUpgrade, type UpgradeLocation } from './locate-in-upgrade.js'
import { tolerateErrors } from './refuse-upgrade.js'

/** Options of `authenticateUpgrade`. */
export interface UpgradeOptions {
  /**
   * The origins whose pages may open a socket with a token from a cookie, as browsers send them: `https://app.example`.
   * Required if `cookies` is one of the locations. Tokens from other locations need no origin. Default: the option
   * `trustedOrigins` of the instance.
   */
  origins?: readonly string[] | undefined
  /**
   * The locations to search for the token, in this order. Default: `tokenLocation` of access tokens, without `json`.
   */
  locations?: readonly UpgradeLocation[] | undefined
}

const OPTION_NAMES = new Set(['origins', 'locations'])
const LOCATIONS: readonly string[] = TOKEN_LOCATIONS.filter(location => location !== 'json')

/**
 * Checks the access token of an upgrade request as guards do, except that a token from a cookie needs an allowed origin
 * instead of a CSRF value. After the call, an error of the request's socket does not end the process, even without a
 * listener.
 * @throws AuthXError, BadConfigurationError, TypeError.
 */
export async function authenticateUpgrade(
  internals: Internals,
  request: IncomingMessage,
  options: UpgradeOptions,
): Promise<TokenPayload> {
  if (!isObject(request) || !Array.isArray(request.rawHeaders) || !isObject(request.socket)) {
    throw new TypeError("authenticateUpgrade: the first argument must be the request of the server's event 'upgrade'")
  }
  tolerateErrors(request.socket)
  checkOptions(options)
  const { origins = internals.config.trustedOrigins, locations = configuredLocations(internals) } = options
  if (origins.length === 0 && locations.includes('cookies')) throw originsMissing()
  const source = upgradeSource(internals, request, locations, origins)
  return emittingRefused(internals, source, requireToken(internals, source, locations))
}

async function requireToken(
  internals: Internals,
  source: TokenSource,
  locations: readonly UpgradeLocation[],
): Promise<TokenPayload> {
  const payload = await checkToken(internals, source, {})
  if (payload) return payload
  throw new MissingTokenError({ cause: `no access token in ${locations.join(', ')}` })
}

/** Returns the token source of an upgrade request. `getKey` gets no context, because an upgrade has no Koa context. */
function upgradeSource(
  internals: Internals,
  request: IncomingMessage,
  locations: readonly UpgradeLocation[],
  origins: readonly string[],
): TokenSource {
  return {
    locate: () => locateInUpgrade(request, locations, internals.config),
    verify: ({ token }) => verifyToken(internals, token, undefined),
    checkOrigin: ({ located }) => {
      if (located.location === 'cookies') checkOrigin(request, origins)
    },
    checkRevocation: ({ payload }) => internals.revocation.check(payload),
  }
}

function configuredLocations({ config }: Internals): readonly UpgradeLocation[] {
  const locations = config.tokenLocation.access.filter(location => location !== 'json')
  if (locations.length > 0) return locations
  throw new BadConfigurationError([
    "tokenLocation has only 'json', but an upgrade has no body; set another location: authenticateUpgrade(request, { locations: ['headers'] })",
  ])
}

/**
 * Makes the error for missing origins: they are required if cookies are a location. The origin of the server is not the
 * default, because proxies and host names would change it.
 */
function originsMissing(): BadConfigurationError {
  const problem =
    'authenticateUpgrade accepts tokens from cookies, which browsers send for pages of any site; set the origins that may ' +
    "open a socket: trustedOrigins or { origins: ['https://app.example'] }, or exclude cookies: { locations: ['headers'] }"
  warnOnce('AUTHX_UPGRADE_WITHOUT_ORIGINS', problem)
  return new BadConfigurationError([problem])
}

/** Checks the options. @throws TypeError */
function checkOptions(options: UpgradeOptions): void {
  checkNames(options, OPTION_NAMES, 'authenticateUpgrade')
  const { origins, locations } = options
  if (origins !== undefined) checkOrigins(origins)
  if (locations === undefined) return
  if (Array.isArray(locations) && locations.length > 0 && locations.every(place => LOCATIONS.includes(place))) return
  throw new TypeError(`locations must be a non-empty list of ${LOCATIONS.join(', ')}; an upgrade has no body`)
}
