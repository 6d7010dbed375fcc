import { constants, createHmac, type KeyObject, timingSafeEqual, verify } from 'node:crypto'

/**
 * When a token is good, said a second time: by node:crypto alone, without jsonwebtoken and without a line of `src/`.
 * What the library lets in is held against this.
 */

export interface RuleKey {
  readonly kid?: string
  readonly key: KeyObject
}

/** Options of the library, as these rules need them. */
export interface TokenRules {
  /** Milliseconds. */
  readonly now: () => number
  readonly algorithms: readonly string[]
  readonly keys: readonly RuleKey[]
  /** Whether `kid` is the only way to a key. */
  readonly named?: boolean
  /** In place of `keys`: the key that these parts of a token ask for. */
  readonly find?: (header: Json, payload: Json) => KeyObject | undefined
  readonly leeway?: number
  readonly issuer?: string
  readonly audience?: readonly string[]
  readonly loginType?: string
  readonly identity?: string
}

export type Json = Readonly<Record<string, unknown>>

/** A token that verifies is still asked about at the store. */
export interface Reading {
  /**
   * `yes`: has to be accepted, `no`: must not be, `perhaps`: another spelling of something good, which may be either.
   */
  readonly good: 'yes' | 'no' | 'perhaps'
  /** Whether a key of ours has signed it, however it is spelt. */
  readonly signed: boolean
  /** If it is not good: the errors that say so. */
  readonly reasons: readonly string[]
  readonly payload?: Json
}

const LONGEST = 8192
const LAST_SECOND = 253_402_300_799
const MALFORMED = ['JWTDecodeError']
/** What may be said to another spelling of something good. */
const SPELLING = ['JWTDecodeError', 'TokenInvalidSignatureError']
const no = (...reasons: string[]): Reading => ({ good: 'no', signed: false, reasons })

export interface ReadOptions {
  /** Judge no time: for a logout. */
  readonly ignoreTimes?: boolean
}

/** Signature, claims, times, issuer, audience: all that can be said of a token by itself, but for its type. */
export function readToken(token: unknown, rules: TokenRules, options: ReadOptions = {}): Reading {
  if (typeof token !== 'string' || token.length > LONGEST) return no(...MALFORMED)
  const parts = token.split('.')
  const [head = '', body = '', signature = ''] = parts
  if (parts.length !== 3 || !parts.every(isBase64url)) return no(...MALFORMED)
  const header = objectIn(head)
  if (!header || !rules.algorithms.includes(header.alg as string)) return no(...MALFORMED)
  if (Object.hasOwn(header, 'crit') || Object.hasOwn(header, 'b64')) return no(...MALFORMED)
  const payload = objectIn(body)
  const keys = candidates(header, payload, rules)
  const signed = keys.some(key => isSignedBy(key, String(header.alg), `${head}.${body}`, signature))
  // The payload of a token that somebody else has signed may be looked at before its signature, or after it.
  if (!signed) return no('TokenInvalidSignatureError', ...MALFORMED)
  if (!payload) return { ...no(...MALFORMED), signed }
  const plain = [head, body, signature].every(isCanonical) && hasPlainClaims(payload) && [head, body].every(isUtf8)
  const found = faults(payload, rules, options)
  if (found.length > 0) return { ...no(...found, ...(plain ? [] : SPELLING)), signed }
  return { good: plain ? 'yes' : 'perhaps', signed, reasons: SPELLING, payload: withSubject(payload, rules) }
}

/** RFC 4648 §5 without padding: no text of that alphabet leaves six bits over. */
const isBase64url = (part: string) => /^[A-Za-z0-9_-]+$/.test(part) && part.length % 4 !== 1

/** Whether the bits that the last letter has too many are zero (RFC 4648 §3.5). */
const isCanonical = (part: string) => Buffer.from(part, 'base64url').toString('base64url') === part

function isUtf8(part: string): boolean {
  const bytes = Buffer.from(part, 'base64url')
  return Buffer.from(bytes.toString('utf8')).equals(bytes)
}

function objectIn(part: string): Json | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'))
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : undefined
  } catch {
    return undefined
  }
}

function candidates(header: Json, payload: Json | undefined, rules: TokenRules): readonly KeyObject[] {
  if (rules.find) {
    const found = payload && rules.find(header, payload)
    return found ? [found] : []
  }
  const fitting = rules.named ? rules.keys.filter(({ kid }) => kid === header.kid) : rules.keys
  return fitting.map(({ key }) => key)
}

const CURVES: Readonly<Record<string, string>> = { 256: 'prime256v1', 384: 'secp384r1', 512: 'secp521r1' }

/** RFC 7518 §3. */
function isSignedBy(key: KeyObject, algorithm: string, signed: string, text: string): boolean {
  const [family, bits = ''] = [algorithm.slice(0, 2), algorithm.slice(2)]
  const hash = `sha${bits}`
  const signature = Buffer.from(text, 'base64url')
  const data = Buffer.from(signed)
  if (family === 'HS') {
    if (key.type !== 'secret' || (key.symmetricKeySize ?? 0) * 8 < Number(bits)) return false
    const expected = createHmac(hash, key).update(data).digest()
    return signature.length === expected.length && timingSafeEqual(signature, expected)
  }
  if (key.type !== 'public') return false
  if (family === 'ES') {
    const fits = key.asymmetricKeyDetails?.namedCurve === CURVES[bits]
    return fits && verify(hash, data, { key, dsaEncoding: 'ieee-p1363' }, signature)
  }
  if (key.asymmetricKeyType !== 'rsa') return false
  const padding = family === 'PS' ? constants.RSA_PKCS1_PSS_PADDING : constants.RSA_PKCS1_PADDING
  return verify(hash, data, { key, padding, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }, signature)
}

const isText = (value: unknown) => typeof value === 'string' && value !== '' && !/\p{Surrogate}/u.test(value)
const isTime = (value: unknown) => typeof value === 'number' && value >= 0 && value <= LAST_SECOND
const isTextList = (value: unknown) => Array.isArray(value) && value.every(each => typeof each === 'string')
const absentOr = (payload: Json, name: string, holds: (value: unknown) => boolean) =>
  !Object.hasOwn(payload, name) || holds(payload[name])

/** The errors of the first thing that is wrong, in the order in which things are judged. */
function faults(payload: Json, rules: TokenRules, { ignoreTimes }: ReadOptions): readonly string[] {
  if (!hasSoundClaims(payload, rules)) return MALFORMED
  const early = !ignoreTimes && isEarly(payload, rules)
  if (early) return MALFORMED
  const late = !ignoreTimes && rules.now() / 1000 >= Number(payload.exp) + (rules.leeway ?? 0)
  if (late) return ['TokenExpiredError']
  if (rules.issuer !== undefined && payload.iss !== rules.issuer) return ['TokenInvalidIssuerError']
  if (!absentOr(payload, 'iss', value => typeof value === 'string')) return MALFORMED
  if (!isForUs(payload, rules)) return ['TokenInvalidAudienceError']
  return absentOr(payload, 'aud', value => isTextList([value].flat())) ? [] : MALFORMED
}

function hasSoundClaims(payload: Json, { identity = 'sub' }: TokenRules): boolean {
  const own = (name: string) => (Object.hasOwn(payload, name) ? payload[name] : undefined)
  return (
    [identity, 'jti'].every(name => isText(own(name))) &&
    (own('type') === 'access' || own('type') === 'refresh') &&
    ['iat', 'exp'].every(name => isTime(own(name))) &&
    absentOr(payload, 'nbf', isTime) &&
    absentOr(payload, 'fresh', value => typeof value === 'boolean') &&
    absentOr(payload, 'auth_time', isTime) &&
    absentOr(payload, 'amr', isTextList) &&
    absentOr(payload, 'csrf', value => typeof value === 'string' && !/\p{Surrogate}/u.test(value)) &&
    absentOr(payload, 'scopes', isTextList) &&
    absentOr(payload, 'sid', value => typeof value === 'string') &&
    absentOr(payload, 'gen', value => Number.isSafeInteger(value) && Number(value) >= 0) &&
    absentOr(payload, 'renewable', value => typeof value === 'boolean')
  )
}

/** Claims about which nothing is promised but that they do no harm: an empty sid, say. */
function hasPlainClaims(payload: Json): boolean {
  return ['sid', 'login_type', 'iss'].every(name => absentOr(payload, name, isText))
}

function isEarly({ iat, nbf }: Json, { now, leeway = 0 }: TokenRules): boolean {
  const skew = Math.max(leeway, 60)
  const second = now() / 1000
  if (Number(iat) > second + skew) return true
  return nbf !== undefined && Number(nbf) > second + (Number(nbf) <= Number(iat) ? skew : leeway)
}

function isForUs(payload: Json, { audience }: TokenRules): boolean {
  if (!Object.hasOwn(payload, 'aud')) return audience === undefined
  const named: unknown[] = [payload.aud].flat()
  return audience?.some(each => named.includes(each)) ?? false
}

function withSubject(payload: Json, { identity = 'sub' }: TokenRules): Json {
  return { ...payload, sub: payload[identity] }
}
