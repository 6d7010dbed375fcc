import { noSuch } from './names.js'

/**
 * The events of an AuthXClient: a login, a successful refresh, the end of the login, or the end of the access token
 * while no refresh is under way.
 */
export type ClientEventType = 'login' | 'refresh' | 'logout' | 'expired'

/** The argument of a listener. It contains no token. */
export interface ClientEvent {
  /** Whether the event happened without this client: in another tab, or by a form. */
  readonly elsewhere: boolean
  /** The `error_type` that ended the login, such as `RevokedTokenError`; missing after a call of `logout()`. */
  readonly reason?: string
}

/** Called after the event. If it throws, the error is reported as uncaught, and the client goes on. */
export type ClientListener = (event: ClientEvent) => void

export const TYPES: readonly ClientEventType[] = ['login', 'refresh', 'logout', 'expired']

/** What there are listeners for: the events, and changes of the state. */
type Told = ClientEventType | 'state'

export class Listeners {
  readonly #listeners = new Set<{ readonly type: Told; readonly call: ClientListener }>()

  /** @throws TypeError if the event is unknown, or `given`, by default the listener, is not a function. */
  add(type: Told, listener: ClientListener, given: unknown = listener): () => void {
    if (type !== 'state' && !TYPES.includes(type)) throw noSuch('event', String(type), TYPES)
    if (typeof given !== 'function') throw new TypeError(`the listener of ${type} must be a function`)
    // A new object each time: a listener can be added twice, and each is removed separately.
    const added = { type, call: listener }
    this.#listeners.add(added)
    return () => void this.#listeners.delete(added)
  }

  has(type: Told): boolean {
    return [...this.#listeners].some(each => each.type === type)
  }

  /**
   * Calls the listeners of an event asynchronously. If a listener throws, its error is reported as uncaught, as by an
   * EventTarget, and the other listeners are still called.
   */
  tell(type: Told, event: ClientEvent): void {
    for (const each of this.#listeners) if (each.type === type) queueMicrotask(() => each.call(event))
  }
}
