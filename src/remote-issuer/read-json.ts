/** Maximum size of an answer in bytes. A set of twenty keys with certificates has about 60,000. */
const MAX_BYTES = 256 * 1024
/** The second is the media type of a JWK Set (RFC 7517 §8.5.2). */
const ACCEPT = 'application/json, application/jwk-set+json'

/** The server answered with a status other than 200. */
export class StatusError extends Error {
  readonly status: number

  constructor(url: string, status: number) {
    const why = status >= 300 && status < 400 ? '; redirects are not followed' : ''
    const advice = status < 500 ? '; set jwksUri to the address of the key set' : ''
    super(`${url} answered ${status}${why}${advice}`)
    this.status = status
  }
}

/**
 * Reads a JSON document.
 * @returns the text and its value.
 * @throws StatusError; Error if the server does not answer, or if the answer is too large or is not JSON.
 */
export async function readJson(url: string, signal: AbortSignal): Promise<{ text: string; value: unknown }> {
  const text = await readText(url, signal)
  try {
    return { text, value: JSON.parse(text) }
  } catch {
    // The error of JSON.parse is dropped, because it quotes the answer.
    throw new Error(`${url} did not answer with JSON`)
  }
}

async function readText(url: string, signal: AbortSignal): Promise<string> {
  const response = await fetch(url, { signal, redirect: 'manual', headers: { accept: ACCEPT } }).catch(cause => {
    throw new Error(`${url} did not answer`, { cause })
  })
  if (response.status !== 200) {
    await response.body?.cancel()
    throw new StatusError(url, response.status)
  }
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.length
    if (size > MAX_BYTES) throw new Error(`${url} answered with more than ${MAX_BYTES} bytes`)
    chunks.push(chunk)
  }
  // Unlike Buffer, it skips a byte order mark, which JSON.parse does not.
  return new TextDecoder().decode(Buffer.concat(chunks))
}
