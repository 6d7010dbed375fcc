import type { UnverifiedHeader, UnverifiedPayload } from '../config/options.js'
import type { Config } from '../config/table.js'
import { isObject } from '../config/values.js'
import {
  JWTDecodeError,
  TokenExpiredError,
  TokenInvalidAudienceError,
  TokenInvalidIssuerError,
  TokenInvalidSignatureError,
} from '../errors.js'
import { adopted } from './adopt.js'
import type { KeyRing, VerificationKey } from './keys.js'
import { noteFoundKey } from './own.js'
import { deepFreeze, isTextList, malformedClaim, type TokenPayload, toPayload } from './payload.js'
import { isSignedBy } from './signature.js'

/**
 * Maximum length of a token in characters: 8 KiB. A longer token does not fit into a header, and the server would need
 * more time to check it than the client to send it.
 */
export const LONGEST_TOKEN = 8192

/** The form of every signed token (RFC 7515 §7.1). */
export const THREE_PARTS = /^[\w-]+\.[\w-]+\.[\w-]+$/

/**
 * Allowed clock difference between issuer and verifier, in seconds. A token whose `iat` is further in the future is not
 * valid yet. A larger `decodeLeeway` takes precedence.
 */
const CLOCK_SKEW = 60

export interface VerifyOptions {
  /** Do not check times: a logout also takes a token that is expired or not valid yet. Default false. */
  readonly ignoreTimes?: boolean
  /** Check only the signature and the types of the claims, not times, issuer and audience. Default false. */
  readonly signatureOnly?: boolean
}

/** Finds the key for a token that is not verified yet. */
export type FindKey = (header: UnverifiedHeader, payload: UnverifiedPayload) => Promise<VerificationKey | undefined>

/**
 * Verify signature, claims, times, issuer and audience, in this order. Type and revocation are not checked.
 * @throws JWTDecodeError or a subclass. An invalid `token` never causes another error.
 */
export function verify(token: unknown, ring: KeyRing, config: Config, options: VerifyOptions = {}): TokenPayload {
  const known = typeof token === 'string' ? ring.cache.get(token) : undefined
  return judge(known ?? verifySignature(token, ring, config), config, options)
}

function verifySignature(token: unknown, ring: KeyRing, config: Config): TokenPayload {
  const read = readOwnToken(token, ring)
  const claims = signedClaims(read, candidates(ring, read.header.kid))
  const payload = toPayload(adopted(claims, read, config), config)
  // A refresh token is used only once.
  if (payload.type === 'access') ring.cache.add(read.token, payload)
  return payload
}

/**
 * Verify a token with the key that `findKey` finds. The keys of the ring are not used. `findKey` is called only if the
 * token is well-formed and its algorithm is in `decodeAlgorithms`. The key verifies only algorithms of its own family,
 * even if the token's header names another algorithm.
 * @throws JWTDecodeError or a subclass, and the errors of `findKey`.
 */
export async function verifyWithFoundKey(
  token: unknown,
  findKey: FindKey,
  ring: KeyRing,
  config: Config,
  options: VerifyOptions = {},
): Promise<TokenPayload> {
  const read = readOwnToken(token, ring)
  const payload = deepFreeze(readPart(read.payload))
  const key = await findKey(deepFreeze(read.header), payload)
  const claims = signedClaims(read, key ? [key] : [])
  const hasOwnKeys = ring.verification.length > 0
  // All keys of the ring are tried; the token's `kid` is ignored.
  const isSignedByOwnKey = () => isSignedByOneOf(ring.verification, read.token, read.header.alg)
  // Another signer must not get claims that the application adds to its own tokens, such as a login type.
  const isAdopted = config.adoptClaims && (!hasOwnKeys || isSignedByOwnKey())
  const verified = toPayload(isAdopted ? adopted(claims, read, config) : claims, config)
  noteFoundKey(verified, { hasOwnKeys, isSignedByOwnKey })
  return judge(verified, config, options)
}

/** A token that is not verified yet. */
export interface ReadToken<Header = UnverifiedHeader> {
  readonly token: string
  readonly header: Header
  /** The second part of the token, not decoded. */
  readonly payload: string
}

const readOwnToken = (token: unknown, { decodeAlgorithms }: KeyRing) =>
  readToken<UnverifiedHeader>(token, decodeAlgorithms, LONGEST_TOKEN)

/** Checks everything that can be checked without a key. @throws JWTDecodeError */
export function readToken<Header extends { readonly alg: string }>(
  token: unknown,
  algorithms: readonly string[],
  longest: number,
): ReadToken<Header> {
  if (typeof token !== 'string' || token.length > longest || !THREE_PARTS.test(token)) throw new JWTDecodeError()
  const [first = '', payload = '', signature = ''] = token.split('.')
  if (!isWhole(first) || !isWhole(payload) || !isWhole(signature)) throw new JWTDecodeError()
  const header = readHeader(first)
  // RFC 8725 §3.1: only configured algorithms are accepted. The token does not choose.
  if (!isOneOf(algorithms, header.alg)) throw new JWTDecodeError()
  // RFC 7515 §4.1.11: `crit` lists extensions, and none is supported. b64 (RFC 7797) changes what is signed.
  if ('crit' in header || 'b64' in header) throw new JWTDecodeError()
  return { token, header: header as unknown as Header, payload }
}

/**
 * Whether a part of a token has a valid length. A single character after groups of four encodes no byte (RFC 4648 §4):
 * decoders drop it, and it was not signed.
 */
const isWhole = ({ length }: string) => length % 4 !== 1

/** The last header, cached: all tokens that an issuer signs with one key have the same header. */
let lastHeader: { readonly text: string; readonly header: Record<string, unknown> } | undefined

function readHeader(text: string): Record<string, unknown> {
  if (lastHeader?.text !== text) lastHeader = { text, header: readPart(text) }
  return lastHeader.header
}

/** Decodes the header or the payload of a token: an object in JSON. @throws JWTDecodeError */
export function readPart(text: string): Record<string, unknown> {
  try {
    const part: unknown = JSON.parse(Buffer.from(text, 'base64url').toString())
    if (isObject(part)) return part
  } catch {
    // Not JSON: refused below, like JSON that is not an object.
  }
  throw new JWTDecodeError()
}

const isOneOf = (algorithms: readonly string[], value: unknown) => algorithms.includes(value as string)

/** The keys to try. With `keys`, `kid` selects one of them; without, `kid` is ignored. */
function candidates(ring: KeyRing, kid: unknown): readonly VerificationKey[] {
  if (!ring.byKid) return ring.verification
  const key = typeof kid === 'string' ? ring.byKid.get(kid) : undefined
  return key ? [key] : []
}

function signedClaims(
  { token, header: { alg }, payload }: ReadToken,
  keys: readonly VerificationKey[],
): Record<string, unknown> {
  if (!isSignedByOneOf(keys, token, alg)) throw new TokenInvalidSignatureError()
  return readPart(payload)
}

const isSignedByOneOf = (keys: readonly VerificationKey[], token: string, alg: UnverifiedHeader['alg']) =>
  keys.some(({ key, algorithms }) => algorithms.has(alg) && isSignedBy(key, token, alg))

function judge(payload: TokenPayload, config: Config, options: VerifyOptions): TokenPayload {
  if (options.signatureOnly) return payload
  if (!options.ignoreTimes) checkTimes(payload, config)
  checkIssuer(payload, config)
  checkAudience(payload, config)
  return payload
}

/** Checks `iat`, `nbf` and `exp`. @throws TokenExpiredError, or JWTDecodeError for a token that is not valid yet. */
export function checkTimes(payload: Pick<TokenPayload, 'iat' | 'nbf' | 'exp'>, config: Config): void {
  const now = config.now() / 1000
  const { iat, nbf } = payload
  const skew = Math.max(config.decodeLeeway, CLOCK_SKEW)
  if (iat > now + skew) throw new JWTDecodeError('The token is not valid yet')
  // The clock skew is allowed only if nbf is not later than iat: a later nbf was set by the application.
  if (nbf !== undefined && nbf > now + (nbf <= iat ? skew : config.decodeLeeway)) {
    throw new JWTDecodeError('The token is not valid yet')
  }
  if (isExpired(payload, config)) throw new TokenExpiredError()
}

/** Whether a token has expired. It expires `decodeLeeway` seconds after its `exp`. */
export const isExpired = ({ exp }: Pick<TokenPayload, 'exp'>, { now, decodeLeeway }: Config) =>
  now() / 1000 >= exp + decodeLeeway

function checkIssuer(payload: TokenPayload, { decodeIssuer }: Config): void {
  const { iss } = payload as { iss?: unknown }
  if (decodeIssuer !== undefined && iss !== decodeIssuer) throw new TokenInvalidIssuerError()
  if (iss !== undefined && typeof iss !== 'string') throw malformedClaim('iss')
}

/** RFC 7519 §4.1.3: a token with `aud` is refused unless `decodeAudience` names one of its audiences. */
function checkAudience(payload: TokenPayload, { decodeAudience }: Config): void {
  const { aud } = payload as { aud?: unknown }
  if (aud === undefined && decodeAudience === undefined) return
  const named = Array.isArray(aud) ? aud : [aud]
  if (!decodeAudience?.some(audience => named.includes(audience))) throw new TokenInvalidAudienceError()
  if (!isTextList(named)) throw malformedClaim('aud')
}
