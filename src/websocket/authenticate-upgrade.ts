import type { IncomingMessage } from 'node:http'
import type { Internals } from '../authenticate/internals.js'
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
   * The origins whose pages may open a socket with the cookie that the browser sends along, as browsers write them:
   * `https://app.example`. Default: `trustedOrigins`. One is needed if cookies are one of the locations; asked of no
   * token that came in another way.
   */
  origins?: readonly string[] | undefined
  /** Where to look, in this order. Default: `tokenLocation` of access tokens, but for `json`. */
  locations?: readonly UpgradeLocation[] | undefined
}

const OPTION_NAMES = new Set(['origins', 'locations'])
const LOCATIONS: readonly string[] = TOKEN_LOCATIONS.filter(location => location !== 'json')

/**
 * Judge the access token of a request that asks for an upgrade, in the order of guards; the origin stands in the place
 * of the CSRF value. From here on an error of the request's socket ends no process, if nobody listens to it.
 * @throws AuthXError, BadConfigurationError, TypeError.
 */
export async function authenticateUpgrade(
  internals: Internals,
  request: IncomingMessage,
  options: UpgradeOptions,
): Promise<TokenPayload> {
  if (!isObject(request) || !Array.isArray(request.rawHeaders) || !isObject(request.socket)) {
    throw new TypeError("authenticateUpgrade takes the request that the server's event 'upgrade' gives")
  }
  tolerateErrors(request.socket)
  checkOptions(options)
  const { origins = internals.config.trustedOrigins, locations = configuredLocations(internals) } = options
  if (origins.length === 0 && locations.includes('cookies')) throw originsMissing()
  const payload = await checkToken(internals, upgradeSource(internals, request, locations, origins), {})
  if (payload) return payload
  throw new MissingTokenError({ cause: `no access token in ${locations.join(', ')}` })
}

/** A request outside of Koa: `getKey` is given no context, and the origin stands in the place of the CSRF value. */
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
    "tokenLocation has only 'json', and an upgrade has no body; name another: authenticateUpgrade(request, { locations: ['headers'] })",
  ])
}

/** Whoever opens sockets with cookies has to say for whom: a default would be a guess about proxies and host names. */
function originsMissing(): BadConfigurationError {
  const problem =
    'authenticateUpgrade takes tokens from cookies, which browsers send for pages of any site: name the origins that ' +
    "may open a socket, trustedOrigins or { origins: ['https://app.example'] }, or leave cookies out, { locations: ['headers'] }"
  warnOnce('AUTHX_UPGRADE_WITHOUT_ORIGINS', problem)
  return new BadConfigurationError([problem])
}

/** @throws TypeError */
function checkOptions(options: UpgradeOptions): void {
  checkNames(options, OPTION_NAMES, 'authenticateUpgrade')
  const { origins, locations } = options
  if (origins !== undefined) checkOrigins(origins)
  if (locations === undefined) return
  if (Array.isArray(locations) && locations.length > 0 && locations.every(place => LOCATIONS.includes(place))) return
  throw new TypeError(`locations must be a list of ${LOCATIONS.join(', ')}: an upgrade has no body`)
}
