import type { IncomingMessage } from 'node:http'
import { promisify } from 'node:util'
import { brotliDecompress, unzip } from 'node:zlib'

/** The body cannot be read because of a mistake of the client: 400, 413 or 415. */
export class BodyError extends Error {
  readonly status: 400 | 413 | 415

  constructor(status: BodyError['status'], options?: ErrorOptions) {
    super('the body cannot be read', options)
    this.status = status
  }
}

type Decode = (packed: Buffer, options: { maxOutputLength: number }) => Promise<Buffer>

/** The content codings (RFC 9110 §8.4.1). `unzip` detects gzip and deflate. */
const DECODERS: ReadonlyMap<string, Decode> = new Map<string, Decode>([
  ['identity', async packed => packed],
  ['gzip', promisify<Buffer, object, Buffer>(unzip)],
  ['x-gzip', promisify<Buffer, object, Buffer>(unzip)],
  ['deflate', promisify<Buffer, object, Buffer>(unzip)],
  ['br', promisify<Buffer, object, Buffer>(brotliDecompress)],
])

/**
 * Reads and decompresses a body of at most `limit` bytes, before and after decompression. The body is decompressed in
 * one step, so that every error of zlib is caught here.
 * @throws BodyError
 */
export const readBody = async (req: IncomingMessage, limit: number): Promise<Buffer> =>
  decode(await read(req, limit), req.headers['content-encoding'], limit)

async function decode(packed: Buffer, encoding: string | undefined, limit: number): Promise<Buffer> {
  const decoder = DECODERS.get(encoding?.trim().toLowerCase() || 'identity')
  if (!decoder) throw new BodyError(415)
  if (packed.length === 0) return packed
  return decoder(packed, { maxOutputLength: limit }).catch((cause: NodeJS.ErrnoException) => {
    throw new BodyError(cause.code === 'ERR_BUFFER_TOO_LARGE' ? 413 : 400, { cause })
  })
}

/** Reads the body. If it is too large, the rest is read and ignored, so that the connection stays usable. */
function read(req: IncomingMessage, limit: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const refuse = (status: BodyError['status']) => reject(new BodyError(status))
    if (req.destroyed) return refuse(400)
    if (Number(req.headers['content-length'] ?? 0) > limit) refuse(413)
    const chunks: Buffer[] = []
    let size = 0
    req.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size <= limit) return void chunks.push(chunk)
      chunks.length = 0
      refuse(413)
    })
    req.once('end', () => resolve(Buffer.concat(chunks)))
    for (const broken of ['error', 'close'] as const) req.once(broken, () => refuse(400))
  })
}
