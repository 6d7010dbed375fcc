import { createHmac, generateKeyPairSync } from 'node:crypto'
import jsonwebtoken from 'jsonwebtoken'
import { AuthXError } from '../../src/index.js'
import { TEST_NOW, TEST_SECRET } from './app.js'

/** A key pair in PEM form, made for this run. */
export interface TestPair {
  readonly privateKey: string
  readonly publicKey: string
}

const publicKeyEncoding = { type: 'spki', format: 'pem' } as const
const privateKeyEncoding = { type: 'pkcs8', format: 'pem' } as const

export const makeRsaPair = (modulusLength = 2048): TestPair =>
  generateKeyPairSync('rsa', { modulusLength, publicKeyEncoding, privateKeyEncoding })

export const makeEcPair = (namedCurve = 'P-256'): TestPair =>
  generateKeyPairSync('ec', { namedCurve, publicKeyEncoding, privateKeyEncoding })

const seconds = Math.floor(TEST_NOW / 1000)

/** Claims of an access token that is good at `TEST_NOW`. */
export const GOOD_CLAIMS = {
  sub: 'test',
  jti: 'TEST-jti',
  type: 'access',
  iat: seconds,
  exp: seconds + 900,
}

const encode = (part: unknown) =>
  Buffer.from(typeof part === 'string' ? part : JSON.stringify(part)).toString('base64url')

/** A token with this very header and payload (objects, or JSON as it stands), signed with HMAC whatever the header says. */
export function forge(
  payload: unknown,
  header: unknown = { alg: 'HS256', typ: 'JWT' },
  secret: string | Buffer = TEST_SECRET,
  hash = 'sha256',
): string {
  const signed = `${encode(header)}.${encode(payload)}`
  return `${signed}.${createHmac(hash, secret).update(signed).digest('base64url')}`
}

/** A token of good claims but for `changes`; a change to `undefined` leaves the claim out. */
export const forgeWith = (changes: Record<string, unknown>) => forge({ ...GOOD_CLAIMS, ...changes })

/** What is inside a token, read by jsonwebtoken itself. */
export function contentOf(token: string): { header: Record<string, unknown>; claims: Record<string, unknown> } {
  const content = jsonwebtoken.decode(token, { complete: true })
  if (!content) throw new Error('not a token')
  return { header: { ...content.header }, claims: { ...(content.payload as object) } }
}

/** `'good'`, or the name of the library's error that `work` came to. */
export async function verdictOf(work: () => unknown): Promise<string> {
  try {
    await work()
    return 'good'
  } catch (error) {
    if (error instanceof AuthXError) return error.name
    throw error
  }
}
