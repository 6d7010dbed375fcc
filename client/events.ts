import { noSuch } from './names.js'

/** What `on` listens for: a login, a refresh that has succeeded, or the end of the login. */
export type ClientEventType = 'login' | 'refresh' | 'logout'

/** What a listener is told. It holds no token. */
export interface ClientEvent {
  /** Whether it happened in another tab. */
  readonly elsewhere: boolean
  /** Of a logout that nobody asked for: the `error_type` of the answer, such as `RevokedTokenError`. */
  readonly reason?: string
}

/** Is called after it has happened; what it throws changes nothing. */
export type ClientListener = (event: ClientEvent) => void

export class Listeners {
  readonly #listeners = {
    login: new Set<ClientListener>(),
    refresh: new Set<ClientListener>(),
    logout: new Set<ClientListener>(),
  }

  /** @throws TypeError if there is no such event, or the listener is no function. */
  add(type: ClientEventType, listener: ClientListener): () => void {
    const types = Object.keys(this.#listeners)
    if (!types.includes(type)) throw noSuch('event', String(type), types)
    if (typeof listener !== 'function') throw new TypeError(`the listener of ${type} must be a function`)
    // Of its own: the same function may be added twice, and each is removed by itself.
    const added: ClientListener = event => listener(event)
    this.#listeners[type].add(added)
    return () => void this.#listeners[type].delete(added)
  }

  /** A listener that throws is reported as an uncaught error, like one of an EventTarget, and changes no answer. */
  tell(type: ClientEventType, event: ClientEvent): void {
    for (const listener of this.#listeners[type]) queueMicrotask(() => listener(event))
  }

  clear(): void {
    for (const each of Object.values(this.#listeners)) each.clear()
  }
}
