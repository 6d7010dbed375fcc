import type { AuthXClient } from 'koa-authx/client'
import ky, { type KyInstance } from 'ky'

/** Ky with the tokens of `client`, which also refreshes them. Ky retries what it retries by itself, for example a 503. */
export function kyFor(client: AuthXClient, api: string): KyInstance {
  const fetchRepeatable: typeof fetch = async (input, init) => {
    if (!(input instanceof Request) || /^(GET|HEAD)$/.test(input.method)) return client.fetch(input, init)
    // The body of a Request can be read only once. Bytes can be sent again after a refresh.
    return client.fetch(input, { ...init, body: await input.clone().arrayBuffer() })
  }
  return ky.create({ fetch: fetchRepeatable, prefixUrl: api })
}
