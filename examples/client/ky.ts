import type { AuthXClient } from 'koa-authx/client'
import ky, { type KyInstance } from 'ky'

/** Ky with the tokens of `client`, which also refreshes them. Ky retries what it retries by itself, for example a 503. */
export function kyFor(client: AuthXClient, api: string): KyInstance {
  return ky.create({ fetch: client.fetch, prefixUrl: api })
}
