import { check, noSuch } from './names.js'

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

const TYPES = ['login', 'refresh', 'logout', 'expired']

/** What there are listeners for: the events, and changes of the state. */
type Told = ClientEventType | 'state'

export interface Listeners {
  /** @throws TypeError if the event is unknown, or the listener is not a function. */
  on(type: ClientEventType, listener: ClientListener): () => void
  /** Adds a listener of changes of the state. @throws TypeError if it is not a function. */
  subscribe(listener: ClientListener): () => void
  /**
   * Calls the listeners of an event asynchronously. If a listener throws, its error is reported as uncaught, as by an
   * EventTarget, and the other listeners are still called.
   */
  tell(type: Told, event?: ClientEvent): void
}

export function listenersOf(): Listeners {
  const added = new Set<{ is: Told; call: ClientListener }>()
  const add = (is: Told, call: ClientListener) => {
    check(typeof call === 'function', `the listener of ${is}`, 'a function')
    // A new object each time: a listener can be added twice, and each is removed separately.
    const one = { is, call }
    added.add(one)
    return () => void added.delete(one)
  }
  return {
    on(is, call) {
      if (!TYPES.includes(is)) throw noSuch('event', String(is), TYPES)
      return add(is, call)
    },
    subscribe: call => add('state', call),
    tell(type, event = { elsewhere: false }) {
      for (const { is, call } of added) if (is === type) queueMicrotask(() => call(event))
    },
  }
}
