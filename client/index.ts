export { AuthXClient } from './client.js'
export { AuthXClientError } from './error.js'
export type { ClientEvent, ClientEventType, ClientListener } from './events.js'
export type { AuthXClientOptions, TokensIn } from './options.js'
