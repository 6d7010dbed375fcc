import { hash } from 'node:crypto'

/** The SHA-256 of a text or of bytes, base64url. */
export const sha256 = (input: string | Uint8Array): string => hash('sha256', input, 'base64url')
