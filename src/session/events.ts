import { EventEmitter } from 'node:events'
import { debug } from '../debug.js'
import type { ErrorCode, StoreUnavailableError } from '../errors.js'
import { described } from '../tracing.js'
import type { Device } from './record.js'

/**
 * The events of `authx.on`. They contain ids, and the device and `context` of a login: no tokens, no other claims, no
 * CSRF values. `sid` is the id of the session, or the `jti` of a token without a session.
 */
export interface AuthXEvents {
  /**
   * A session was opened, or a token without a session was issued. `device` is the device of a login, as `listSessions`
   * shows it: what `login` or `createTokenPair` was given, and with `sessionTracking` user agent and IP address. A
   * token without a session has no device. `context` is the `context` of the login; missing if there was none.
   */
  issued: { sid: string; sub: string; device?: Device; context?: Readonly<Record<string, unknown>> }
  /** A refresh token was exchanged for its successor, or `implicitRefresh` renewed an access token. */
  refreshed: { sid: string; sub: string }
  /**
   * A used-up refresh token was sent again within the grace period. The client got the current refresh token of the
   * session again, and a new access token. This is a replay. `replays` counts the refreshes in a row that were followed
   * by a replay, up to and including the last refresh. It is 1 for the first. Several replays after one refresh have
   * the same number.
   */
  replayed: { sid: string; sub: string; replays: number }
  /**
   * A used-up refresh token was sent again after the grace period, but nobody had used the new tokens that were issued
   * in exchange for it: the response with them was lost. The client got other new tokens. The tokens of the lost
   * response are voided: if somebody uses one later, the session is revoked, and `reuse` is emitted.
   */
  recovered: { sid: string; sub: string }
  /**
   * A used-up refresh token was sent again too late, or a token was used that a recovery has voided (see `recovered`).
   * The session has been revoked. If the store failed or timed out, there is also a `storeError`: the session may stay
   * live until a used-up or voided token is sent again.
   */
  reuse: { sid: string; sub: string }
  /**
   * A session, or a token without a session, has been revoked. With `replaced`, a login has ended it, because the request
   * of the login had its token in a cookie. With `unconfirmed`, the store failed or timed out: the caller got an error,
   * and the session may or may not have ended.
   */
  revoked: { sid: string; sub: string; replaced?: true; unconfirmed?: true }
  /**
   * All sessions and tokens of a subject up to now have been revoked, except the session `except`. With `unconfirmed`,
   * the store failed or timed out: the caller got an error, and the sessions may or may not have ended.
   */
  allRevoked: { sub: string; except?: string; unconfirmed?: true }
  /**
   * A token, a session or all tokens of a subject of an issuer (option `issuers`) have been revoked, by the application or
   * by a back-channel logout. `unconfirmed`: see `revoked`.
   */
  issuerRevoked: IssuerRevoked & { readonly unconfirmed?: true }
  /**
   * A client sent a refresh token that is one generation (one refresh) ahead of the session's record: the store has
   * lost a write that it had confirmed.
   */
  storeRollback: { sid: string; sub: string }
  /**
   * A guard, `refresh`, `logout` or `authenticateUpgrade` refused a caller. `reason` is the `code` of the error, such
   * as `ERR_TOKEN_EXPIRED`. The event is emitted once for each refusal: 4xx, and 503 because the store or a callback
   * failed. A 500 is a mistake in the application and emits nothing. `sub` and `sid` are claims of the token. They are
   * missing if there is no token, if its signature is invalid, or if the request has tokens of several sessions.
   * `issuer` is set if an issuer of the option `issuers` has signed the token: `sub` and `sid` are ids of the issuer
   * then, not ours.
   */
  refused: { reason: ErrorCode; sub?: string; sid?: string; issuer?: string }
  /** The store failed or timed out. `error.cause` says why. */
  storeError: { operation: string; error: StoreUnavailableError }
}

/** What has ended: tokens of an issuer, with the ids that the issuer has written into them. */
export interface IssuerRevoked {
  /** The issuer: the claim `iss`. */
  readonly issuer: string
  /** The subject. Missing if only a session was named. */
  readonly sub?: string
  /**
   * The session. With `sub` too, it has ended by a back-channel logout, and with it the subject's tokens that name no
   * session. Without `sid` and `jti`, all tokens of the subject have ended.
   */
  readonly sid?: string
  /** The token. */
  readonly jti?: string
}

/** The names of the events. */
export type EventName = keyof AuthXEvents
/** A function that is called with an event. If it throws or rejects, a process warning is emitted. */
export type Listener<Name extends EventName> = (event: AuthXEvents[Name]) => void

/** An emitter whose listeners cannot affect responses: if one throws or rejects, a process warning is emitted. */
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
          const reason = error instanceof Error ? error.message : 'it threw a value that is not an Error'
          process.emitWarning(`a listener of '${name}' failed: ${reason}`, 'AuthXWarning')
        })
    }
  }
}
