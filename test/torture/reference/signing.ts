import { constants, createHmac, type KeyObject, sign } from 'node:crypto'
import type { Json } from './token-rules.js'

/** A key that signs, under the algorithm and the `kid` that it writes into the header. */
export interface Signer {
  readonly alg: string
  readonly kid?: string
  readonly key: KeyObject
}

/** A part of a token: what `JSON.stringify` makes of a value, or text and bytes as they stand. */
export type Part = Json | readonly unknown[] | string | Buffer

export function encode(part: Part): string {
  if (typeof part === 'string' || Buffer.isBuffer(part)) return Buffer.from(part as string).toString('base64url')
  return Buffer.from(JSON.stringify(part)).toString('base64url')
}

/** The header that belongs to a signer. */
export const headerOf = ({ alg, kid }: Signer): Json => ({ alg, typ: 'JWT', ...(kid !== undefined && { kid }) })

/** Signs whatever stands there, whatever the header says of it. */
export function signParts(header: Part, payload: Part, signer: Pick<Signer, 'alg' | 'key'>): string {
  const signed = `${encode(header)}.${encode(payload)}`
  return `${signed}.${signatureOf(signed, signer).toString('base64url')}`
}

export const signClaims = (payload: Part, signer: Signer) => signParts(headerOf(signer), payload, signer)

function signatureOf(signed: string, { alg, key }: Pick<Signer, 'alg' | 'key'>): Buffer {
  const [family, bits] = [alg.slice(0, 2), alg.slice(2)]
  const data = Buffer.from(signed)
  if (family === 'HS') return createHmac(`sha${bits}`, key).update(data).digest()
  if (family === 'ES') return sign(`sha${bits}`, data, { key, dsaEncoding: 'ieee-p1363' })
  const padding = family === 'PS' ? constants.RSA_PKCS1_PSS_PADDING : constants.RSA_PKCS1_PADDING
  return sign(`sha${bits}`, data, { key, padding, saltLength: constants.RSA_PSS_SALTLEN_DIGEST })
}

/** The payload of a token, not verified. */
export function contentOf(token: string): Json {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Json
}
