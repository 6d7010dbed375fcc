/**
 * A client for browsers and Node. It adds the token or the CSRF header to `fetch`, refreshes once for all calls, and
 * informs other tabs. It has no dependencies.
 *
 * @module koa-authx/client
 */
export { AuthXClient } from './client.js'
export type { ClientEvent, ClientEventType, ClientListener } from './events.js'
export { AuthXClientError } from './http.js'
export type { ClientState } from './machine.js'
export type { AuthXClientOptions, ClientLock, ClientStorage, TokensIn } from './options.js'
