import { createPrivateKey, createPublicKey, createSecretKey, KeyObject } from 'node:crypto'

/** A key, or why what was given cannot be one: text that completes "<option> ..." and holds no key material. */
export type Read = KeyObject | string

const NO_KEY = 'must be a string, a Buffer or a KeyObject'
const TEXT_OF_FILE = "give the text of the file, readFileSync(path, 'utf8'), and not its path"

/** A secret for HS algorithms. */
export function readSecret(input: unknown): Read {
  if (input instanceof KeyObject && input.type !== 'secret') return wrongType(input, 'secret')
  const bytes = input instanceof KeyObject ? input.export() : bytesOf(input)
  if (!bytes) return NO_KEY
  if (bytes.length === 0) return 'is empty; make one with: openssl rand -hex 32'
  if (looksAsymmetric(bytes)) {
    return 'is a key of a key pair, not a secret; give it as privateKey or publicKey and set algorithm, or give a random secret'
  }
  return createSecretKey(bytes)
}

export function readPrivateKey(input: unknown): Read {
  if (input instanceof KeyObject) return input.type === 'private' ? input : wrongType(input, 'private')
  const pem = bytesOf(input)
  if (!pem) return NO_KEY
  try {
    return createPrivateKey(pem)
  } catch {
    return `is not a private key in PEM form, without a passphrase; ${whatInstead(pem)}`
  }
}

export function readPublicKey(input: unknown): Read {
  if (input instanceof KeyObject) return input.type === 'public' ? input : wrongType(input, 'public')
  const pem = bytesOf(input)
  if (!pem) return NO_KEY
  if (pem.includes('PRIVATE KEY-----')) return 'holds a private key; give the public one'
  try {
    return createPublicKey(pem)
  } catch {
    return `is not a public key in PEM form; ${TEXT_OF_FILE}`
  }
}

/**
 * A key to verify with, of which nobody has said what it is: a PEM document is a public key, other text and bytes are a
 * secret. The key alone decides this, never the token that it is for (RFC 8725 §2.1).
 */
export function readVerificationKey(input: unknown): Read {
  const isSecret = input instanceof KeyObject ? input.type === 'secret' : !bytesOf(input)?.includes('-----BEGIN')
  return isSecret ? readSecret(input) : readPublicKey(input)
}

function whatInstead(pem: Buffer): string {
  if (pem.includes('ENCRYPTED')) return 'decrypt it, or give a KeyObject: createPrivateKey({ key, passphrase })'
  return pem.includes('PUBLIC KEY-----') ? 'it is a public key, so give the private one' : TEXT_OF_FILE
}

/** A copy. What is in `keys`, and what `getKey` returns, may be anything. */
function bytesOf(input: unknown): Buffer | undefined {
  if (typeof input === 'string') return Buffer.from(input, 'utf8')
  return input instanceof Uint8Array ? Buffer.from(input) : undefined
}

const wrongType = (key: KeyObject, wanted: KeyObject['type']) => `is a ${key.type} key, not a ${wanted} one`

/** A PEM, JWK or DER key as an HS secret is the confusion of RFC 8725 §2.1: the verifier's public key signs. */
function looksAsymmetric(bytes: Buffer): boolean {
  const text = bytes.toString('latin1')
  if (text.includes('-----BEGIN') || (text.includes('{') && text.includes('"kty"'))) return true
  return (['spki', 'pkcs1', 'pkcs8', 'sec1'] as const).some(type => isDer(bytes, type))
}

function isDer(key: Buffer, type: 'spki' | 'pkcs1' | 'pkcs8' | 'sec1'): boolean {
  try {
    // Its type does not say that it takes private keys too, and makes the public half of them.
    createPublicKey({ key, format: 'der', type: type as 'spki' })
    return true
  } catch {
    return false
  }
}
