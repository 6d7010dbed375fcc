import {
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  type JsonWebKey,
  KeyObject,
  X509Certificate,
} from 'node:crypto'
import { types } from 'node:util'
import { ALGORITHMS, type Algorithm, type CryptoKeyLike } from '../config/options.js'
import { isObject } from '../config/values.js'

/** A key, and the restrictions that the key itself names. */
export interface FoundKey {
  readonly key: KeyObject
  /** The only algorithm of the key: `alg` of a JWK, the algorithm of a CryptoKey. */
  readonly only?: Algorithm
  /** The only allowed operations: `key_ops` of a JWK, `usages` of a CryptoKey. */
  readonly operations?: readonly string[]
}

/**
 * Reads a KeyObject, a CryptoKey or a JWK. Returns `undefined` for strings, bytes and other types of values. For an
 * invalid key, returns the end of the message "<option> ...", which says what is wrong, without key material.
 */
export function findKey(input: unknown): FoundKey | string | undefined {
  if (input instanceof KeyObject) return { key: input }
  if (types.isCryptoKey(input)) return fromCryptoKey(input as CryptoKeyLike)
  if (typeof input === 'function') return 'is a function; call it and give what it returns'
  if (Array.isArray(input)) return LIST
  return isObject(input) && !(input instanceof Uint8Array) ? fromJwk(input) : undefined
}

/** Why a value is not one key. About the result of `getKey`, `readVerificationKey` says more. */
export const LIST = 'is a list; give one key'
export const KEY_SET = 'is a JWK Set; give one of its keys'

const NOT_FOR_SIGNATURES = 'is for encryption or another purpose, not for signatures; give a key that signs or verifies'

function fromCryptoKey(key: CryptoKeyLike): FoundKey | string {
  const only = algorithmOf(key.algorithm)
  if (!only) return NOT_FOR_SIGNATURES
  try {
    return { key: KeyObject.from(key as Parameters<typeof KeyObject.from>[0]), only, operations: [...key.usages] }
  } catch {
    return 'is a CryptoKey that node:crypto cannot read; import it with extractable: true'
  }
}

/** WebCrypto's names for the algorithms of RFC 7518 §3.1. A CryptoKey is made for one algorithm. */
const FAMILIES: Readonly<Record<string, string>> = { HMAC: 'HS', 'RSASSA-PKCS1-v1_5': 'RS', 'RSA-PSS': 'PS' }
const CURVES: Readonly<Record<string, Algorithm>> = { 'P-256': 'ES256', 'P-384': 'ES384', 'P-521': 'ES512' }

function algorithmOf(algorithm: { name: string; hash?: { name: string }; namedCurve?: string }): Algorithm | undefined {
  if (algorithm.name === 'ECDSA') return CURVES[algorithm.namedCurve ?? '']
  const name = `${FAMILIES[algorithm.name]}${algorithm.hash?.name.replace('SHA-', '')}`
  return ALGORITHMS.find(known => known === name)
}

/** Members that only private keys have (RFC 7518 §6.2.2, §6.3.2). */
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth']

/** Reads a JWK (RFC 7517 §4). */
function fromJwk(jwk: Record<string, unknown>): FoundKey | string {
  const { kty, alg, use, key_ops: operations } = jwk
  if (typeof kty !== 'string') return notAJwk(jwk)
  if (use !== undefined && use !== 'sig') return NOT_FOR_SIGNATURES
  const only = ALGORITHMS.find(known => known === alg)
  if (alg !== undefined && !only) return `is a JWK whose alg is not one of ${ALGORITHMS.join(', ')}`
  if (operations !== undefined && !isListOfTexts(operations)) return 'is a JWK whose key_ops is not a list of strings'
  const key = kty === 'oct' ? secretOf(jwk) : pairKeyOf(jwk)
  if (typeof key === 'string') return key
  return { key, ...(only && { only }), ...(operations && { operations }) }
}

function notAJwk(object: Record<string, unknown>): string {
  if (Array.isArray(object.keys)) return KEY_SET
  if (object instanceof X509Certificate) return 'is an X509Certificate; give certificate.publicKey'
  if (object.publicKey !== undefined) return 'is an object with a publicKey; give the publicKey alone'
  if (typeof object.getPublicKey === 'function') return 'is a signing key of jwks-rsa; give key.getPublicKey()'
  return 'is an object that is not a key: a JWK has kty; give a string, a Buffer, a KeyObject, a CryptoKey or a JWK'
}

function secretOf({ k }: Record<string, unknown>): KeyObject | string {
  if (typeof k === 'string' && /^[\w-]+$/.test(k)) return createSecretKey(Buffer.from(k, 'base64url'))
  return 'is a JWK of a secret whose k is missing or not base64url'
}

function pairKeyOf(jwk: Record<string, unknown>): KeyObject | string {
  const isPrivate = PRIVATE_MEMBERS.some(name => jwk[name] !== undefined)
  try {
    const key = { key: jwk as JsonWebKey, format: 'jwk' as const }
    return isPrivate ? createPrivateKey(key) : createPublicKey(key)
  } catch {
    return `is a JWK that cannot be read as a ${isPrivate ? 'private' : 'public'} key: a member is missing or wrong`
  }
}

const isListOfTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every(item => typeof item === 'string')
