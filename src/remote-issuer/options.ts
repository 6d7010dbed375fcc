import { type Duration, parseDuration } from '../config/duration.js'
import { isAllowedUrl, URL_RULE } from '../config/urls.js'
import { checkNames, isObject } from '../config/values.js'
import { BadConfigurationError } from '../errors.js'
import type { IssuerClaimsMapper } from '../issuer.js'

const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
] as const

/** A signature algorithm of RFC 7518 §3.1, RFC 8037 or RFC 9864 that has a public key. */
export type IssuerAlgorithm = (typeof ALGORITHMS)[number]

/** Options of `remoteIssuer`. */
export interface RemoteIssuerOptions {
  /**
   * The issuer, exactly as in the claim `iss` of its tokens: with or without a slash at the end. Without `jwksUri`, a URL
   * with https (http only for localhost).
   */
  issuer: string
  /**
   * The `aud` of the access tokens for your application: one, or a list of which one is enough. Never your client id,
   * which is the `aud` of ID tokens. `false`: the issuer's access tokens have no `aud` (Cognito); then the claim
   * `client_id` must be `clientId`, and the claim `token_use` must be `access`.
   */
  audience: string | readonly string[] | false
  /**
   * The address of the JWK Set with the issuer's keys (RFC 7517 §5): https (http only for localhost). Default: the
   * `jwks_uri` that the issuer publishes (OpenID Connect Discovery; RFC 8414), read again every hour.
   */
  jwksUri?: string | undefined
  /** The accepted algorithms. Default: all RS, PS and ES algorithms, EdDSA and Ed25519. */
  algorithms?: readonly IssuerAlgorithm[] | undefined
  /**
   * Returns the claims for `ctx.state.token`: roles of Keycloak, permissions of Auth0. It gets all claims of a valid
   * token and must not be async. `scopes` (a list, or text with spaces) replaces those of the token; `sub`, `iss`, `aud`,
   * `iat`, `nbf`, `exp`, `jti` and `sid` stay those of the token. `undefined`: the token is refused (401). If it throws,
   * the response is 503. Default: the claims of the token.
   */
  claims?: IssuerClaimsMapper | undefined
  /**
   * The id of your application at the issuer, or a list of ids: the `aud` of logout tokens (`authx.backchannelLogout`).
   * It never makes an access token valid. Default: none, so that no logout token is accepted.
   */
  clientId?: string | readonly string[] | undefined
  /** Accept ID tokens as access tokens: for issuers that have no others (Firebase). Default false. */
  idTokens?: boolean | undefined
  /** For how long a key set is used if its server does not answer. At least 1 hour. Default 1 day. */
  maxAge?: Duration | undefined
  /** Returns the current time in milliseconds, for the age of the key set. Default: a clock that never jumps. For tests. */
  now?: (() => number) | undefined
}

/** The options, normalised. */
export interface RemoteIssuerConfig {
  readonly issuer: string
  readonly audience: readonly string[] | false
  readonly jwksUri: string | undefined
  readonly algorithms: readonly string[]
  readonly claims: IssuerClaimsMapper | undefined
  readonly clientId: readonly string[]
  readonly idTokens: boolean
  readonly maxAgeMs: number
  readonly now: () => number
}

const NAMES = new Set([
  'issuer',
  'audience',
  'jwksUri',
  'algorithms',
  'claims',
  'clientId',
  'idTokens',
  'maxAge',
  'now',
])

const HOUR_SECONDS = 3600

/** Reads the options. @throws BadConfigurationError naming every invalid option; TypeError for an unknown one. */
export function readOptions(options: RemoteIssuerOptions): RemoteIssuerConfig {
  if (!isObject(options)) {
    throw new BadConfigurationError(['remoteIssuer takes an object; write remoteIssuer({ issuer, audience })'])
  }
  checkNames(options, NAMES, 'remoteIssuer')
  const problems = problemsOf(options)
  if (problems.length > 0) throw new BadConfigurationError(problems.map(problem => `remoteIssuer: ${problem}`))
  const {
    issuer,
    audience,
    jwksUri,
    algorithms = ALGORITHMS,
    claims,
    clientId,
    idTokens = false,
    maxAge = '1d',
  } = options
  return {
    issuer,
    audience: audience === false ? false : Object.freeze([audience].flat()),
    jwksUri,
    algorithms: Object.freeze([...algorithms]),
    claims,
    clientId: Object.freeze(clientId === undefined ? [] : [clientId].flat()),
    idTokens,
    maxAgeMs: (parseDuration(maxAge) as number) * 1000,
    now: options.now ?? (() => performance.now()),
  }
}

const isText = (value: unknown) => typeof value === 'string' && value !== ''
const isTextOrList = (value: unknown) =>
  isText(value) || (Array.isArray(value) && value.length > 0 && value.every(isText))
const isFunction = (value: unknown) => value === undefined || typeof value === 'function'
const isAlgorithm = (value: unknown) => ALGORITHMS.includes(value as IssuerAlgorithm)

/** Returns one sentence for each invalid option. */
function problemsOf(options: Record<keyof RemoteIssuerOptions, unknown> | RemoteIssuerOptions): string[] {
  const { issuer, audience, jwksUri, algorithms, claims, clientId, idTokens, maxAge, now } = options
  const rules: [isWrong: boolean, problem: string][] = [
    [!isText(issuer), 'issuer must be a non-empty string: the iss of the tokens'],
    [
      isText(issuer) && jwksUri === undefined && !isAllowedUrl(issuer),
      `issuer must be ${URL_RULE} so that its keys can be discovered; or set jwksUri`,
    ],
    [jwksUri !== undefined && !isAllowedUrl(jwksUri), `jwksUri must be ${URL_RULE}`],
    [
      audience !== false && !isTextOrList(audience),
      'audience must be the aud of the access tokens: a non-empty string, or a non-empty list of them; or false if they have none',
    ],
    [
      audience === false && clientId === undefined,
      'audience: false requires clientId, because then only the claim client_id says whom a token is for',
    ],
    [
      algorithms !== undefined &&
        !(Array.isArray(algorithms) && algorithms.length > 0 && algorithms.every(isAlgorithm)),
      `algorithms must be a non-empty list of ${ALGORITHMS.join(', ')}`,
    ],
    [
      clientId !== undefined && !isTextOrList(clientId),
      'clientId must be a non-empty string or a non-empty list of them',
    ],
    [idTokens !== undefined && typeof idTokens !== 'boolean', 'idTokens must be true or false'],
    [!isFunction(claims), 'claims must be a function'],
    [!isFunction(now), 'now must be a function'],
    [!isLongEnough(maxAge), "maxAge must be a duration of at least one hour, such as '1d'"],
  ]
  return rules.filter(([isWrong]) => isWrong).map(([, problem]) => problem)
}

const isLongEnough = (maxAge: unknown) =>
  maxAge === undefined || (parseDuration(maxAge as Duration) ?? 0) >= HOUR_SECONDS
