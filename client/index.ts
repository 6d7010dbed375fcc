/**
 * A client for browsers and Node: `fetch` with the token or the CSRF header added, one refresh for all that need it, and
 * word of it in other tabs. It depends on nothing.
 *
 * @module koa-authx/client
 */
export { AuthXClient } from './client.js'
export { AuthXClientError } from './error.js'
export type { ClientEvent, ClientEventType, ClientListener } from './events.js'
export type { AuthXClientOptions, TokensIn } from './options.js'
