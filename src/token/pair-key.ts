import { createPublicKey, X509Certificate } from 'node:crypto'
import { decodingsOf, insideJson, squeeze, textsOf } from './decodings.js'
import { hasMark, hasMarkInText } from './pair-key-marks.js'
import { SEQUENCE } from './pem.js'

/** Base64 of hexadecimal of base64 of JSON is four deep; nobody goes further by accident. */
const MOST_LAYERS = 4

/**
 * Whether bytes are a key of a key pair, public or private, a certificate or a set of such keys, in whatever form and
 * encoding: PEM, DER, JWK, OpenSSH and others, in base64, hexadecimal, JSON or UTF-16, in one another too. As an HMAC
 * secret such a key is the confusion of RFC 8725 §2.1: everybody who has the public key signs. Random bytes, and random
 * text in hexadecimal or base64, are never mistaken for one. A single number out of a key (a modulus, a coordinate)
 * cannot be told from random bytes.
 */
export const holdsPairKey = (bytes: Buffer): boolean => search(bytes, MOST_LAYERS)

function search(bytes: Buffer, layers: number): boolean {
  if (isBinaryKey(bytes)) return true
  return textsOf(bytes).some(text => searchText(text, layers))
}

function searchText(text: string, layers: number): boolean {
  if (namesKey(text) || hasMarkInText(squeeze(text))) return true
  const { objects, texts } = insideJson(text)
  if (objects.some(isPairJwk)) return true
  if (layers === 0) return false
  return (
    texts.some(inner => searchText(inner, layers - 1)) || decodingsOf(text).some(bytes => search(bytes, layers - 1))
  )
}

const isBinaryKey = (bytes: Buffer) =>
  hasMark(bytes) || isDer(bytes) || [bytes, withoutLineBreak(bytes)].some(each => isPoint(each) || isModulus(each))

/** A file that an editor has saved ends with one. */
const withoutLineBreak = (bytes: Buffer) => (bytes.at(-1) === 0x0a ? bytes.subarray(0, -1) : bytes)

/** Keys of kinds that have no mark. */
function isDer(bytes: Buffer): boolean {
  if (bytes[0] !== SEQUENCE) return false
  // Its type does not say that it takes private keys too, and makes the public half of them.
  const types = ['spki', 'pkcs1', 'pkcs8', 'sec1'] as const
  const tries = types.map(type => () => createPublicKey({ key: bytes, format: 'der', type: type as 'spki' }))
  return [...tries, () => new X509Certificate(bytes)].some(succeeds)
}

const COORDINATE_BYTES: readonly [crv: string, bytes: number][] = [
  ['P-256', 32],
  ['secp256k1', 32],
  ['P-384', 48],
  ['P-521', 66],
]

/** A point of a curve that is not compressed (SEC 1 §2.3.3), with its first byte, 4, or without. Random bytes are on no curve. */
function isPoint(bytes: Buffer): boolean {
  const point = bytes.length % 2 === 1 && bytes[0] === 4 ? bytes.subarray(1) : bytes
  const half = point.length / 2
  return COORDINATE_BYTES.some(([crv, length]) => {
    if (length !== half) return false
    const [x, y] = [point.subarray(0, half), point.subarray(half)].map(number => number.toString('base64url'))
    return succeeds(() => createPublicKey({ key: { kty: 'EC', crv, x, y }, format: 'jwk' }))
  })
}

/** An RSA modulus as DER and OpenSSL write it, with a zero byte before its first bit: one byte more than 2048, 3072 or 4096 bits. */
function isModulus(bytes: Buffer): boolean {
  const [zero, first = 0] = bytes
  const odd = (bytes.at(-1) ?? 0) % 2 === 1
  return [257, 385, 513].includes(bytes.length) && zero === 0 && first >= 0x80 && odd
}

const TYPE = 'RSA|EC|OKP|AKP|P-\\d{3}|secp256k1|Ed25519|Ed448|X25519|X448'

/** After a member of a JWK the next one comes, or nothing: in JSON, YAML, a query, or a JWK that is cut short. In a sentence a word comes. */
const END_OF_MEMBER = '["\'\\\\\\s,;&}\\]]*(?:$|\\w+["\'\\\\]*\\s*[:=])'

/** Words that files of keys have and secrets do not, even where the rest of the file is damaged. */
const WORDS = new RegExp(
  [
    'BEGIN[A-Z0-9\\s_+]{0,30}(?:PUBLIC[\\s_+]*KEY|PRIVATE[\\s_+]*KEY|CERTIFICATE)',
    '----\\s*BEGIN SSH2',
    'PuTTY-User-Key-File',
    '(?:Public|Private)-Key:\\s*\\(\\d+ bit',
    'Modulus\\s*(?:\\(\\d+ bits?\\))?\\s*[=:](?:[\\s\\da-fA-F:]|\\\\n){256,}',
    '<(?:\\w+:)?(?:RSAKeyValue|ECKeyValue|DSAKeyValue|Modulus|X509Certificate)>',
    `\\b(?:kty|crv)["'\\\\]*\\s*[:=]\\s*["'\\\\]*(?:${TYPE})${END_OF_MEMBER}`,
    // 2048 bits in base64url.
    '\\bn["\']?\\s*[:=]\\s*["\']?[\\w-]{340,}',
  ].join('|'),
)

const namesKey = (text: string) => WORDS.test(text)

/** A JWK of a key pair (RFC 7518 §6.2, §6.3), with or without `kty`. Of one with `crv` the words tell. */
function isPairJwk({ kty, n, e, x, y }: Record<string, unknown>): boolean {
  if (typeof kty === 'string' && kty !== 'oct') return true
  if (typeof x === 'string' && typeof y === 'string') {
    return isPoint(Buffer.concat([x, y].map(number => Buffer.from(number, 'base64url'))))
  }
  return typeof n === 'string' && typeof e === 'string' && LONG_NUMBER.test(n) && /^[\w-]+$/.test(e)
}

/** 512 bits in base64url, the shortest RSA modulus that anybody has had. */
const LONG_NUMBER = /^[\w-]{86,}$/

function succeeds(run: () => unknown): boolean {
  try {
    run()
    return true
  } catch {
    return false
  }
}
