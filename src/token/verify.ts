import type { Algorithm, UnverifiedHeader, UnverifiedPayload } from '../config/options.js'
import type { Config } from '../config/table.js'
import { isObject } from '../config/values.js'
import {
  JWTDecodeError,
  TokenExpiredError,
  TokenInvalidAudienceError,
  TokenInvalidIssuerError,
  TokenInvalidSignatureError,
} from '../errors.js'
import type { KeyRing, VerificationKey } from './keys.js'
import { noteFoundKey } from './own.js'
import { deepFreeze, isTextList, malformedClaim, type TokenPayload, toPayload } from './payload.js'
import { isSignedBy } from './signature.js'

/** 8 KiB: more does not fit into a header, and checking it would cost the server more than it costs the client. */
export const LONGEST_TOKEN = 8192

/** The form of every signed token (RFC 7515 §7.1). */
export const THREE_PARTS = /^[\w-]+\.[\w-]+\.[\w-]+$/

/** Clocks of issuer and verifier may differ by this many seconds before `iat` looks like the future. */
const CLOCK_SKEW = 60

export interface VerifyOptions {
  /** Judge no time: one may log out with a token that has expired, or is not good yet. */
  readonly ignoreTimes?: boolean
  /** Check signature and shape only, not times, issuer and audience. */
  readonly signatureOnly?: boolean
}

/** Finds the key of a token that nobody has verified yet. */
export type FindKey = (header: UnverifiedHeader, payload: UnverifiedPayload) => Promise<VerificationKey | undefined>

/**
 * Verify signature, claims, times, issuer and audience, in this order. Not the type, and nothing that a store knows.
 * @throws JWTDecodeError or a subclass; whatever `token` is, nothing else.
 */
export function verify(token: unknown, ring: KeyRing, config: Config, options: VerifyOptions = {}): TokenPayload {
  const known = typeof token === 'string' ? ring.cache.get(token) : undefined
  return judge(known ?? verifySignature(token, ring, config), config, options)
}

function verifySignature(token: unknown, ring: KeyRing, config: Config): TokenPayload {
  const read = readToken(token, ring)
  const payload = toPayload(signedClaims(read, candidates(ring, read.header.kid)), config)
  // A refresh token is used up by its first use, and does not come again.
  if (payload.type === 'access') ring.cache.add(read.token, payload)
  return payload
}

/**
 * Verify a token with the key that `findKey` returns, and with no key of the ring. `findKey` is asked only about a
 * well-formed token. The key verifies only algorithms of its own family, whatever the token says.
 * @throws JWTDecodeError or a subclass, or what `findKey` throws.
 */
export async function verifyWithFoundKey(
  token: unknown,
  findKey: FindKey,
  ring: KeyRing,
  config: Config,
  options: VerifyOptions = {},
): Promise<TokenPayload> {
  const read = readToken(token, ring)
  const payload = deepFreeze(readPart(read.payload))
  const key = await findKey(deepFreeze(read.header), payload)
  const verified = toPayload(signedClaims(read, key ? [key] : []), config)
  // An instance without keys of its own takes all its tokens from `findKey`.
  noteFoundKey(verified, () => ring.verification.length === 0 || isSignedByRing(read.token, ring))
  return judge(verified, config, options)
}

interface ReadToken {
  readonly token: string
  readonly header: UnverifiedHeader
  /** The second part, as it stands in the token. */
  readonly payload: string
}

/** All that a token must be before a key is looked for. */
function readToken(token: unknown, { decodeAlgorithms }: KeyRing): ReadToken {
  if (typeof token !== 'string' || token.length > LONGEST_TOKEN || !THREE_PARTS.test(token)) throw new JWTDecodeError()
  const [first = '', payload = '', signature = ''] = token.split('.')
  if (!isWhole(first) || !isWhole(payload) || !isWhole(signature)) throw new JWTDecodeError()
  const header = readHeader(first)
  // RFC 8725 §3.1: the algorithm is one that was configured, whatever the token says.
  if (!isOneOf(decodeAlgorithms, header.alg)) throw new JWTDecodeError()
  // RFC 7515 §4.1.11: what must be understood is not understood here. b64 (RFC 7797) changes what is signed.
  if ('crit' in header || 'b64' in header) throw new JWTDecodeError()
  return { token, header: header as UnverifiedHeader, payload }
}

/** A letter that is left over after groups of four stands for no byte (RFC 4648 §4): decoders drop it, and it was not signed. */
const isWhole = ({ length }: string) => length % 4 !== 1

/** The header that was read last: an issuer writes the same one into all tokens that it signs with a key. */
let lastHeader: { readonly text: string; readonly header: Record<string, unknown> } | undefined

function readHeader(text: string): Record<string, unknown> {
  if (lastHeader?.text !== text) lastHeader = { text, header: readPart(text) }
  return lastHeader.header
}

function readPart(text: string): Record<string, unknown> {
  try {
    const part: unknown = JSON.parse(Buffer.from(text, 'base64url').toString())
    if (isObject(part)) return part
  } catch {
    // Not JSON: refused like everything else that is no object.
  }
  throw new JWTDecodeError()
}

const isOneOf = (algorithms: readonly Algorithm[], value: unknown) => algorithms.includes(value as Algorithm)

/** With named keys `kid` is a key into our own map and nothing else; without, it is not looked at. */
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

const isSignedByOneOf = (keys: readonly VerificationKey[], token: string, alg: Algorithm) =>
  keys.some(({ key, algorithms }) => algorithms.has(alg) && isSignedBy(key, token, alg))

/**
 * Whether a key of the ring has signed a token that has been verified with a key from `findKey`. The ring's keys are tried
 * whatever `kid` the token names: which key is meant has been decided, and the question is whose it is.
 */
function isSignedByRing(token: string, ring: KeyRing): boolean {
  const { header } = readToken(token, ring)
  return isSignedByOneOf(ring.verification, token, header.alg)
}

/** Refuse a verified token that no key of the ring has signed. @throws TokenInvalidSignatureError */
export function checkSignedByRing(token: string, ring: KeyRing): void {
  if (!isSignedByRing(token, ring)) throw new TokenInvalidSignatureError({ cause: NOT_OURS })
}

const NOT_OURS =
  'only a key that getKey returned has signed the token: refresh, renewal, and a logout by its session, take tokens that a ' +
  'configured key of this instance has signed'

function judge(payload: TokenPayload, config: Config, options: VerifyOptions): TokenPayload {
  if (options.signatureOnly) return payload
  if (!options.ignoreTimes) checkTimes(payload, config)
  checkIssuer(payload, config)
  checkAudience(payload, config)
  return payload
}

function checkTimes(payload: TokenPayload, config: Config): void {
  const now = config.now() / 1000
  const { iat, nbf } = payload
  const skew = Math.max(config.decodeLeeway, CLOCK_SKEW)
  if (iat > now + skew) throw new JWTDecodeError('The token is not valid yet')
  // An nbf at or before iat only repeats it; a later one was asked for and is kept more strictly.
  if (nbf !== undefined && nbf > now + (nbf <= iat ? skew : config.decodeLeeway)) {
    throw new JWTDecodeError('The token is not valid yet')
  }
  if (isExpired(payload, config)) throw new TokenExpiredError()
}

/** Whether a token is past its end. */
export const isExpired = ({ exp }: Pick<TokenPayload, 'exp'>, { now, decodeLeeway }: Config) =>
  now() / 1000 >= exp + decodeLeeway

function checkIssuer(payload: TokenPayload, { decodeIssuer }: Config): void {
  const { iss } = payload as { iss?: unknown }
  if (decodeIssuer !== undefined && iss !== decodeIssuer) throw new TokenInvalidIssuerError()
  if (iss !== undefined && typeof iss !== 'string') throw malformedClaim('iss')
}

/** RFC 7519 §4.1.3: who does not find itself in `aud` refuses; one that expects none is in none. */
function checkAudience(payload: TokenPayload, { decodeAudience }: Config): void {
  const { aud } = payload as { aud?: unknown }
  if (aud === undefined && decodeAudience === undefined) return
  const named = Array.isArray(aud) ? aud : [aud]
  if (!decodeAudience?.some(audience => named.includes(audience))) throw new TokenInvalidAudienceError()
  if (!isTextList(named)) throw malformedClaim('aud')
}
