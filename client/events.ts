import { noSuch } from './names.js'

/** The events of an AuthXClient: a login, a successful refresh, or the end of the login. */
export type ClientEventType = 'login' | 'refresh' | 'logout'

/** The argument of a listener. It contains no token. */
export interface ClientEvent {
  /** Whether the event happened in another tab. */
  readonly elsewhere: boolean
  /** The `error_type` that ended the login, such as `RevokedTokenError`; missing after a call of `logout()`. */
  readonly reason?: string
}

/** Called after the event. If it throws, the error is reported as uncaught, and the client goes on. */
export type ClientListener = (event: ClientEvent) => void

export class Listeners {
  readonly #listeners = {
    login: new Set<ClientListener>(),
    refresh: new Set<ClientListener>(),
    logout: new Set<ClientListener>(),
  }

  /** @throws TypeError if the event is unknown, or the listener is not a function. */
  add(type: ClientEventType, listener: ClientListener): () => void {
    const types = Object.keys(this.#listeners)
    if (!types.includes(type)) throw noSuch('event', String(type), types)
    if (typeof listener !== 'function') throw new TypeError(`the listener of ${type} must be a function`)
    // A new function each time: a listener can be added twice, and each is removed separately.
    const added: ClientListener = event => listener(event)
    this.#listeners[type].add(added)
    return () => void this.#listeners[type].delete(added)
  }

  /**
   * Calls the listeners of an event asynchronously. If a listener throws, its error is reported as uncaught, as by an
   * EventTarget, and the other listeners are still called.
   */
  tell(type: ClientEventType, event: ClientEvent): void {
    for (const listener of this.#listeners[type]) queueMicrotask(() => listener(event))
  }

  clear(): void {
    for (const each of Object.values(this.#listeners)) each.clear()
  }
}
