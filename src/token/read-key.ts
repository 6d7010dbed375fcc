import { createPrivateKey, createPublicKey, createSecretKey, type KeyObject } from 'node:crypto'
import type { Algorithm } from '../config/options.js'
import { insideJson } from './decodings.js'
import { type FoundKey, findKey } from './key-object.js'
import { holdsPairKey } from './pair-key.js'
import { documentIn, pemsOf, textOf, whyNoPem } from './pem.js'

/** A key that can be used. */
export interface ReadKey {
  readonly key: KeyObject
  /** The one algorithm that the key is for, where it says so itself. */
  readonly only?: Algorithm
}

/** A key, or why what was given cannot be one: text that completes "<option> ..." and holds no key material. */
export type Read = ReadKey | string

/** What a key is to be used for. */
export type Operation = 'sign' | 'verify'

const NO_KEY = 'must be a string, a Buffer, a KeyObject, a CryptoKey or a JWK'

/** A secret for HS algorithms, for all of `operations`. */
export function readSecret(input: unknown, operations: readonly Operation[] = ['verify']): Read {
  const found = findKey(input)
  if (typeof found === 'string') return found
  const wrong = found && misuse(found, 'secret', operations)
  if (wrong) return wrong
  const bytes = found ? found.key.export() : bytesOf(input)
  if (!bytes) return NO_KEY
  if (bytes.length === 0) return 'is empty; make one with: openssl rand -hex 32'
  if (holdsPairKey(bytes)) return PAIR_KEY
  if (insideJson(textOf(bytes)).objects.some(object => 'kty' in object)) return JWK_TEXT
  return { ...(found && withoutOperations(found)), key: createSecretKey(bytes) }
}

const PAIR_KEY =
  'is a key of a key pair, not a secret; give it as privateKey or publicKey and set algorithm, or give a random secret'
const JWK_TEXT = 'is the text of a JWK; give the object, JSON.parse(text), or the secret alone'

export const readPrivateKey = (input: unknown): Read => readPairKey(input, 'private')
export const readPublicKey = (input: unknown): Read => readPairKey(input, 'public')

function readPairKey(input: unknown, kind: 'private' | 'public'): Read {
  const bytes = bytesOf(input)
  const found = bytes ? findJwk(bytes) : findKey(input)
  if (typeof found === 'string') return found
  if (found) return misuse(found, kind, kind === 'private' ? ['sign'] : ['verify']) ?? withoutOperations(found)
  if (!bytes) return NO_KEY
  const document = documentIn(bytes)
  if (document === undefined) return whyNoPem(bytes, kind)
  const isPrivate = typeof document === 'string' ? /PRIVATE ?KEY-----/.test(document) : firstKey(document, 'private')
  if (kind === 'public' && isPrivate) return 'holds a private key; give the public one'
  const key = firstKey(document, kind)
  if (key) return { key }
  return kind === 'private' && firstKey(document, 'public')
    ? 'is a public key; give the private one'
    : whyNoPem(bytes, kind)
}

/** The JSON text of a JWK. As a secret it is refused, for others may take the text itself. */
function findJwk(bytes: Buffer): ReturnType<typeof findKey> {
  const text = textOf(bytes)
  const [jwk] = /^\s*\{/.test(text) ? insideJson(text).objects : []
  return jwk && findKey(jwk)
}

function firstKey(document: string | Buffer, kind: 'private' | 'public'): KeyObject | undefined {
  const read = kind === 'private' ? createPrivateKey : createPublicKey
  for (const pem of pemsOf(document, kind)) {
    try {
      return read(pem)
    } catch {
      // The next one may be readable; if none is, the caller says why.
    }
  }
  return undefined
}

/**
 * A key to verify with, of which nobody has said what it is: a PEM document is a public key, other text and bytes are a
 * secret. The key alone decides this, never the token that it is for (RFC 8725 §2.1).
 */
export function readVerificationKey(input: unknown): Read {
  const bytes = bytesOf(input)
  const found = bytes ? undefined : findKey(input)
  const isSecret =
    found === undefined || typeof found === 'string' ? !bytes || !isPemKey(bytes) : found.key.type === 'secret'
  const read = isSecret ? readSecret(input) : readPublicKey(input)
  return read === PAIR_KEY ? PAIR_KEY_FOUND : read
}

/** Text that has dashes of a PEM document and no key is a secret, as it is in `secretKey`. */
const isPemKey = (bytes: Buffer) => bytes.includes('-----BEGIN') && holdsPairKey(bytes)

const PAIR_KEY_FOUND =
  'is a key of a key pair, but neither a PEM document nor an object, and a public key is never a secret; return a PEM document, a KeyObject, a CryptoKey or a JWK'

/** A copy. What is in `keys`, and what `getKey` returns, may be anything. */
function bytesOf(input: unknown): Buffer | undefined {
  if (typeof input === 'string') return Buffer.from(input, 'utf8')
  return input instanceof Uint8Array ? Buffer.from(input) : undefined
}

/** Why a key must not be used for this; `undefined` if it may be. */
function misuse(
  { key, operations }: FoundKey,
  wanted: KeyObject['type'],
  needed: readonly Operation[],
): string | undefined {
  if (key.type !== wanted) return `is a ${key.type} key, not a ${wanted} one`
  const missing = operations && needed.filter(operation => !operations.includes(operation))
  return missing?.length
    ? `must not be used to ${missing.join(' and ')}: its key_ops or usages do not list it`
    : undefined
}

const withoutOperations = ({ key, only }: FoundKey): ReadKey => ({ key, ...(only && { only }) })
