import { createPublicKey, X509Certificate } from 'node:crypto'
import { decodingsOf, insideJson, squeeze, textsOf } from './decodings.js'
import { hasMark, hasMarkInText } from './pair-key-marks.js'
import { SEQUENCE } from './pem.js'
import { holdsPoint, isPoint } from './point.js'
import { succeeds } from './succeeds.js'

/**
 * Maximum number of nested encodings that are decoded. Base64 of hexadecimal of base64 of JSON has four. More are
 * unlikely to happen by accident.
 */
const MOST_LAYERS = 4

/**
 * Whether bytes are a key of a key pair (public or private), a certificate, or a set of them. Finds PEM, DER, JWK,
 * OpenSSH and other formats, also encoded in base64, hexadecimal, JSON or UTF-16, and nested. Anyone who has the public
 * key could sign tokens if it were the HMAC secret (RFC 8725 §2.1). Random bytes, and random text in hexadecimal or
 * base64, are never mistaken for a key. A single number of a key (a modulus, a coordinate) is not found: it looks like
 * random bytes.
 */
export const holdsPairKey = (bytes: Buffer): boolean => search(bytes, MOST_LAYERS)

function search(bytes: Buffer, layers: number): boolean {
  if (isBinaryKey(bytes)) return true
  return textsOf(bytes).some(text => searchText(text, layers))
}

function searchText(text: string, layers: number): boolean {
  if (namesKey(text) || hasMarkInText(squeeze(text)) || holdsPoint(text)) return true
  const { objects, texts } = insideJson(text)
  if (objects.some(isPairJwk)) return true
  if (layers === 0) return false
  return (
    texts.some(inner => searchText(inner, layers - 1)) || decodingsOf(text).some(bytes => search(bytes, layers - 1))
  )
}

const isBinaryKey = (bytes: Buffer) =>
  hasMark(bytes) || isDer(bytes) || [bytes, withoutLineBreak(bytes)].some(each => isPoint(each) || isModulus(each))

/** Removes one line break from the end, because editors add one when they save a file. */
const withoutLineBreak = (bytes: Buffer) => (bytes.at(-1) === 0x0a ? bytes.subarray(0, -1) : bytes)

/** Whether bytes are a key or a certificate in DER. Finds the types of keys that `hasMark` does not know. */
function isDer(bytes: Buffer): boolean {
  if (bytes[0] !== SEQUENCE) return false
  // createPublicKey also reads private keys and returns their public half. Its TypeScript types do not allow this.
  const types = ['spki', 'pkcs1', 'pkcs8', 'sec1'] as const
  const tries = types.map(type => () => createPublicKey({ key: bytes, format: 'der', type: type as 'spki' }))
  return [...tries, () => new X509Certificate(bytes)].some(succeeds)
}

/** Whether bytes are an RSA modulus of 2048, 3072 or 4096 bits after a zero byte, as DER and OpenSSL write it. */
function isModulus(bytes: Buffer): boolean {
  const [zero, first = 0] = bytes
  const odd = (bytes.at(-1) ?? 0) % 2 === 1
  return [257, 385, 513].includes(bytes.length) && zero === 0 && first >= 0x80 && odd
}

const TYPE = 'RSA|EC|OKP|AKP|P-\\d{3}|secp256k1|Ed25519|Ed448|X25519|X448'

/** What is between the name and the value of a member in JSON, YAML, XML, PHP, a query string or a file of variables. */
const IS = '["\'\\\\]*\\s*(?:[:=]>?|>)\\s*["\'\\\\]*'

/**
 * Matches what follows a member of a JWK, also of a JWK that is cut off: the next member or the end. In a sentence,
 * another word follows, so a sentence does not match.
 */
const END_OF_MEMBER = '["\'\\\\\\s,;&}\\]]*(?:$|<|\\w+["\'\\\\]*\\s*[:=])'

/**
 * What is before the name of a member: nothing, or the short prefix of a variable. A longer one is base64, and the `n=`
 * after it is the end of that.
 */
const PREFIX = '(?<![\\w+/-])(?:[a-z]\\w{0,30}_)?'

/** Members of keys in any notation: the type of a JWK, or an RSA modulus of 1024 bits or more. */
const MEMBERS = new RegExp(
  `${PREFIX}(?:(?:kty|crv)${IS}(?:${TYPE})${END_OF_MEMBER}|(?:n|modulus)${IS}[\\w+/=-]{170,})`,
  'i',
)

/** Words that appear in key files and not in secrets. They are found even if the rest of the file is damaged. */
const WORDS = new RegExp(
  [
    'BEGIN[A-Z0-9\\s_+]{0,30}(?:PUBLIC[\\s_+]*KEY|PRIVATE[\\s_+]*KEY|CERTIFICATE)',
    '----\\s*BEGIN SSH2',
    'PuTTY-User-Key-File',
    '(?:Public|Private)-Key:\\s*\\(\\d+ bit',
    'Modulus\\s*(?:\\(\\d+ bits?\\))?\\s*[=:](?:[\\s\\da-fA-F:]|\\\\n){256,}',
    '<(?:\\w+:)?(?:RSAKeyValue|ECKeyValue|DSAKeyValue|Modulus|X509Certificate)>',
  ].join('|'),
)

const namesKey = (text: string) => WORDS.test(text) || MEMBERS.test(text)

/**
 * Whether an object is a JWK of a key pair (RFC 7518 §6.3), with or without `kty`. It does not look at the members of an
 * EC key and at `crv`, because the text has already been searched for them.
 */
function isPairJwk({ kty, n, e }: Record<string, unknown>): boolean {
  if (typeof kty === 'string' && kty !== 'oct') return true
  return typeof n === 'string' && typeof e === 'string' && LONG_NUMBER.test(n) && /^[\w-]+$/.test(e)
}

/** Matches base64 and base64url of 512 bits or more. No RSA modulus in use is shorter. */
const LONG_NUMBER = /^[\w+/-]{86,}=*$/
