import type { Context } from 'koa'
import { sha256 } from '../token/sha256.js'

/**
 * How long clients may cache a public document. Five minutes after `setKeys`, all clients have the new keys and no
 * removed key.
 */
const MAX_AGE_SECONDS = 300

/** A document that everybody may read and cache. */
export interface PublicDocument {
  readonly text: string
  readonly type: string
  readonly etag: string
}

/** Makes a document of the media type `type` from a value. */
export function publicDocument(value: object, type: string): PublicDocument {
  const text = JSON.stringify(value)
  return { text, type, etag: `"${sha256(text)}"` }
}

/** Responds with a document; with 304 if the client has it. */
export function servePublicly(ctx: Context, { text, type, etag }: PublicDocument): void {
  ctx.status = 200
  ctx.set({ 'Cache-Control': `public, max-age=${MAX_AGE_SECONDS}`, ETag: etag })
  if (ctx.fresh) {
    ctx.status = 304
    return
  }
  ctx.set('Content-Type', type)
  ctx.body = text
}
