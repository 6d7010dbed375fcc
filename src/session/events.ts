import { EventEmitter } from 'node:events'
import type { ErrorCode, StoreUnavailableError } from '../errors.js'
import { debug, described } from '../tracing.js'
import type { Device } from './record.js'

/**
 * What `authx.on` announces: ids, and the device of a login. Never tokens, other claims or CSRF values. `sid` is the
 * session, or the `jti` of a token that names none.
 */
export interface AuthXEvents {
  /**
   * A session was opened, or a single token made. `device` is the device of a login, as `listSessions` shows it: what
   * `login` or `createTokenPair` was given, and with `sessionTracking` user agent and IP address. A single token has
   * none.
   */
  issued: { sid: string; sub: string; device?: Device }
  /** A refresh token was exchanged for its successor, or an access token renewed by `implicitRefresh`. */
  refreshed: { sid: string; sub: string }
  /**
   * A used-up refresh token came again inside the grace period, and got the same successor. `replays`: how many
   * generations of refresh tokens in a row have been replayed, this one included; 1 for the first. A second replay of one
   * generation has the number of the first.
   */
  replayed: { sid: string; sub: string; replays: number }
  /**
   * A used-up refresh token came again; its session has been revoked. If the store did not say so in time, this is told
   * all the same, beside a `storeError`: the session may live until a used-up token comes the next time.
   */
  reuse: { sid: string; sub: string }
  /**
   * A session, or a token that names none, has been revoked. With `unconfirmed` the store failed or was late when it was
   * told to: the call was answered with an error, and the session has ended or has not.
   */
  revoked: { sid: string; sub: string; unconfirmed?: true }
  /**
   * Everything of a subject up to now has been revoked, but for the session `except`. With `unconfirmed` the store failed
   * or was late when it was told to: the call was answered with an error, and the sessions have ended or have not.
   */
  allRevoked: { sub: string; except?: string; unconfirmed?: true }
  /** A refresh token came that is one generation ahead of the store: an acknowledged write has been lost. */
  storeRollback: { sid: string; sub: string }
  /**
   * A guard, `refresh`, `logout` or `authenticateUpgrade` refused a caller. `reason` is the `code` of the error:
   * `ERR_TOKEN_EXPIRED`. It is emitted once for each refusal: 4xx, and 503 because the store or a callback failed. A 500
   * is a mistake in the application and emits nothing. `sub` and `sid` are those of the token. They are missing if there
   * is no token, if its signature is invalid, or if the tokens are of several sessions.
   */
  refused: { reason: ErrorCode; sub?: string; sid?: string }
  /** The store did not answer, or not in time; `error.cause` says why. */
  storeError: { operation: string; error: StoreUnavailableError }
}

/** The names of the events. */
export type EventName = keyof AuthXEvents
/** What is called with an event; what it throws becomes a process warning. */
export type Listener<Name extends EventName> = (event: AuthXEvents[Name]) => void

/** An emitter whose listeners cannot change an answer: what they throw or reject becomes a process warning. */
export class Events {
  readonly #emitter = new EventEmitter()

  on<Name extends EventName>(name: Name, listener: Listener<Name>): void {
    this.#emitter.on(name, listener)
  }

  off<Name extends EventName>(name: Name, listener: Listener<Name>): void {
    this.#emitter.off(name, listener)
  }

  isHeard(name: EventName): boolean {
    return this.#emitter.listenerCount(name) > 0
  }

  emit<Name extends EventName>(name: Name, event: AuthXEvents[Name]): void {
    if (debug.enabled) debug('event %s %s', name, described(event))
    for (const listener of this.#emitter.listeners(name)) {
      void Promise.resolve()
        .then(() => listener(event))
        .catch(error => {
          const reason = error instanceof Error ? error.message : 'what it threw is no Error'
          process.emitWarning(`a listener of '${name}' failed: ${reason}`, 'AuthXWarning')
        })
    }
  }
}
