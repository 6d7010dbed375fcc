import { createPrivateKey, createPublicKey, createSecretKey, type KeyObject } from 'node:crypto'
import type { Algorithm } from '../config/options.js'
import { insideJson } from './decodings.js'
import { type FoundKey, findKey, KEY_SET, LIST } from './key-object.js'
import { holdsPairKey } from './pair-key.js'
import { countPublic, documentIn, pemsOf, textOf, whyNoPem } from './pem.js'

/** A key that was read successfully. */
export interface ReadKey {
  readonly key: KeyObject
  /** The only algorithm of the key, if the key itself names one. */
  readonly only?: Algorithm
}

/** A key. For an invalid key, the end of the message "<option> ...", which says what is wrong, without key material. */
export type KeyOrProblem = ReadKey | string

/** What a key is used for. */
export type KeyOperation = 'sign' | 'verify'

const NO_KEY = 'must be a string, a Buffer, a KeyObject, a CryptoKey or a JWK'

/** Reads a secret for HS algorithms. The key must allow all of `operations`. */
export function readSecret(input: unknown, operations: readonly KeyOperation[] = ['verify']): KeyOrProblem {
  const found = findKey(input)
  if (typeof found === 'string') return found
  const wrong = found && misuse(found, 'secret', operations)
  if (wrong) return wrong
  const bytes = found ? found.key.export() : bytesOf(input)
  if (!bytes) return NO_KEY
  if (bytes.length === 0) return EMPTY
  if (holdsPairKey(bytes)) return PAIR_KEY
  if (insideJson(textOf(bytes)).objects.some(object => 'kty' in object)) return JWK_TEXT
  return { ...(found && withoutOperations(found)), key: createSecretKey(bytes) }
}

const EMPTY = 'is empty; make one with: openssl rand -hex 32'
const PAIR_KEY =
  'is a key of a key pair, not a secret; give it as privateKey or publicKey and set algorithm, or give a random secret'
const JWK_TEXT = 'is the JSON text of a JWK; give the object, JSON.parse(text), or only the secret'

export const readPrivateKey = (input: unknown): KeyOrProblem => readPairKey(input, 'private')
export const readPublicKey = (input: unknown): KeyOrProblem => readPairKey(input, 'public')

function readPairKey(input: unknown, kind: 'private' | 'public'): KeyOrProblem {
  const bytes = bytesOf(input)
  const found = bytes ? findJwk(bytes) : findKey(input)
  if (typeof found === 'string') return found
  if (found) return misuse(found, kind, kind === 'private' ? ['sign'] : ['verify']) ?? withoutOperations(found)
  if (!bytes) return NO_KEY
  const document = documentIn(bytes)
  if (document === undefined) return whyNoPem(bytes, kind)
  const isPrivate = typeof document === 'string' ? /PRIVATE ?KEY-----/.test(document) : firstKey(document, 'private')
  if (kind === 'public' && isPrivate) return 'contains a private key; give the public one'
  if (kind === 'public' && countPublic(document) > 1) return SEVERAL_KEYS
  const key = firstKey(document, kind)
  if (key) return { key }
  return kind === 'private' && firstKey(document, 'public')
    ? 'is a public key; give the private one'
    : whyNoPem(bytes, kind)
}

const SEVERAL_KEYS = 'contains several public keys or certificates; give the one that verifies: of a chain, the first'

/**
 * Reads the JSON text of a JWK. Returns `undefined` if the bytes are not a JSON object. `readSecret` refuses such a
 * text, because other libraries may use the text itself as the secret.
 */
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
      // Try the next document. If none is readable, the caller reports why.
    }
  }
  return undefined
}

/**
 * Reads a key that verifies tokens and is not declared as secret or public: a PEM document is a public key, other
 * strings and bytes are a secret. This depends on the key only, never on the token (RFC 8725 §2.1).
 */
export function readVerificationKey(input: unknown): KeyOrProblem {
  const bytes = bytesOf(input)
  if (bytes && isJson(bytes) && holdsPairKey(bytes)) return JSON_TEXT
  const found = bytes ? undefined : findKey(input)
  const isSecret =
    found === undefined || typeof found === 'string' ? !bytes || !isPemKey(bytes) : found.key.type === 'secret'
  const read = isSecret ? readSecret(input) : readPublicKey(input)
  return typeof read === 'string' ? (ADVICE_FOR_GET_KEY.get(read) ?? read) : read
}

/** Whether bytes are a JSON object or list. A PEM document in it may be one of several, so it is not used. */
const isJson = (bytes: Buffer) => /^\s*[[{]/.test(textOf(bytes))

/**
 * Whether bytes are a PEM document with a key. A text with `-----BEGIN` but without a key is a secret, as in
 * `secretKey`.
 */
const isPemKey = (bytes: Buffer) => bytes.includes('-----BEGIN') && holdsPairKey(bytes)

const CHOOSE = 'return one key: the one whose kid is header.kid'
const JSON_TEXT = `is JSON text with a key; parse it, and ${CHOOSE}`
const NO_KEY_FOUND = 'return undefined if there is no key for the token'

/** The ends of messages that say something else about keys in options, because options are not asked for one token. */
const ADVICE_FOR_GET_KEY: ReadonlyMap<string, string> = new Map([
  [
    PAIR_KEY,
    'is a key of a key pair, but neither a PEM document nor an object; return a PEM document, a KeyObject, a CryptoKey or a JWK',
  ],
  [LIST, `is a list; ${CHOOSE}`],
  [KEY_SET, `is a JWK Set; ${CHOOSE}`],
  [SEVERAL_KEYS, `contains several public keys or certificates; ${CHOOSE}; of a chain, return the first certificate`],
  [EMPTY, `is empty; ${NO_KEY_FOUND}`],
  [NO_KEY, `${NO_KEY}; ${NO_KEY_FOUND}`],
])

/**
 * Returns a copy of the bytes of a string or byte array; `undefined` for other types. Values in `keys` and values that
 * `getKey` returns can have any type.
 */
function bytesOf(input: unknown): Buffer | undefined {
  if (typeof input === 'string') return Buffer.from(input, 'utf8')
  return input instanceof Uint8Array ? Buffer.from(input) : undefined
}

/**
 * Returns why a key cannot be used: it has the wrong type, or does not allow the `needed` operations. `undefined` if it
 * can be used.
 */
function misuse(
  { key, operations }: FoundKey,
  wanted: KeyObject['type'],
  needed: readonly KeyOperation[],
): string | undefined {
  if (key.type !== wanted) return `is a ${key.type} key, not a ${wanted} one`
  const missing = operations && needed.filter(operation => !operations.includes(operation))
  return missing?.length
    ? `must not be used to ${missing.join(' and ')}: its key_ops or usages do not allow this; give a key that does`
    : undefined
}

const withoutOperations = ({ key, only }: FoundKey): ReadKey => ({ key, ...(only && { only }) })
