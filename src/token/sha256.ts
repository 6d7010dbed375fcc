import { hash } from 'node:crypto'

/** Returns the SHA-256 digest of a text or of bytes, in base64url. */
export const sha256 = (input: string | Uint8Array): string => hash('sha256', input, 'base64url')
