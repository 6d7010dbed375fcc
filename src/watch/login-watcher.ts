import type { Internals } from '../authenticate/internals.js'
import { checkLoginType } from '../authenticate/token-checks.js'
import { type Duration, parseDuration } from '../config/duration.js'
import type { IssuerRevoked } from '../session/events.js'
import { idOf } from '../session/rotation.js'
import type { TokenPayload } from '../token/payload.js'
import { leastWithinMs, paceOf } from './schedule.js'
import { type Dependent, WatchedLogin } from './watched-login.js'

/** Watches the logins of an instance. When a login ends, it ends the sockets and streams that depend on this login. */
export class LoginWatcher {
  readonly #internals: Internals
  /** The watched logins by subject, because every event has a subject. */
  readonly #watched = new Map<string, Set<WatchedLogin>>()
  /** Running store calls. Other watched logins with the same token can share their answers. */
  readonly #checks = new Map<TokenPayload, Promise<unknown>>()
  #isClosed = false

  constructor(internals: Internals) {
    this.#internals = internals
    const onRevoked = ({ sid, sub }: { sid: string; sub: string }) =>
      this.#recheckNow(sub, payload => idOf(payload) === sid)
    internals.events.on('revoked', onRevoked)
    internals.events.on('reuse', onRevoked)
    internals.events.on('allRevoked', ({ sub, except }) =>
      this.#recheckNow(sub, ({ sid }) => except === undefined || sid !== except),
    )
    internals.events.on('issuerRevoked', ended => this.#recheckIssuer(ended))
  }

  /**
   * End `dependent` when the login of `payload` ends, or when the store cannot confirm the login in time.
   * @param within maximum time from a revocation in another process to the end of the dependent. Default 10 seconds.
   * @returns a function that stops watching.
   * @throws TypeError, LoginTypeMismatchError.
   */
  watch(payload: TokenPayload, dependent: Dependent, within: Duration | undefined): () => void {
    const { config } = this.#internals
    checkLoginType(payload, config)
    const pace = paceOf(withinMsOf(within, config.storeTimeout), config.storeTimeout)
    if (dependent.isGone) return () => {}
    const watched = new WatchedLogin(this.#internals, payload, dependent, pace, {
      check: this.#check,
      onStop: () => this.#remove(watched),
    })
    this.#watched.set(payload.sub, (this.#watched.get(payload.sub) ?? new Set()).add(watched))
    if (this.#isClosed) watched.end(isClosing())
    else watched.start()
    return watched.stop
  }

  /** End all dependents, because the store is about to be closed. */
  close(): void {
    this.#isClosed = true
    for (const watched of [...this.#watched.values()].flatMap(logins => [...logins])) watched.end(isClosing())
  }

  /** Ask the store again about logins of `sub`, after an event in this process. */
  #recheckNow(sub: string, concerns: (payload: TokenPayload) => boolean): void {
    for (const watched of this.#watched.get(sub) ?? []) if (concerns(watched.payload)) watched.recheckNow()
  }

  /**
   * Ask the store again about logins of an issuer. A logout token may name only a session and no subject. If it names
   * both, the tokens of the subject without a session have ended too.
   */
  #recheckIssuer({ issuer, sub, sid, jti }: IssuerRevoked): void {
    const isOfSession = (payload: TokenPayload) =>
      sid === undefined || payload.sid === sid || (sub !== undefined && payload.sid === undefined)
    const isMeant = (payload: TokenPayload) =>
      payload.iss === issuer && (jti === undefined || payload.jti === jti) && isOfSession(payload)
    for (const each of sub === undefined ? this.#watched.keys() : [sub]) this.#recheckNow(each, isMeant)
  }

  /**
   * Asks the store whether a login is live. Sockets and streams of one token share one call if they ask at the same
   * time (in the same run of microtasks). After an event, all sockets and streams of a subject ask: with thousands of
   * calls at once, the store would refuse the calls of other subjects. A shared answer is not out of date: an event in
   * the same run of microtasks reports a write that ended before the call.
   */
  readonly #check = (payload: TokenPayload): Promise<unknown> => {
    const begun = this.#checks.get(payload)
    if (begun) return begun
    const check = Promise.resolve(this.#internals.revocation.check(payload, 'watch'))
    this.#checks.set(payload, check)
    // Not queueMicrotask: fake timers of an application replace it.
    void Promise.resolve().then(() => this.#checks.delete(payload))
    return check
  }

  #remove(watched: WatchedLogin): void {
    const { sub } = watched.payload
    const logins = this.#watched.get(sub)
    if (logins?.delete(watched) && logins.size === 0) this.#watched.delete(sub)
  }
}

/**
 * Makes the error with which sockets and streams are ended when the instance is closed. The login may still be valid.
 */
const isClosing = () => new DOMException('authx.close() has been called', 'AbortError')

/** Returns the option `within` in milliseconds. @throws TypeError */
function withinMsOf(within: Duration = '10s', storeTimeout: number): number {
  const least = leastWithinMs(storeTimeout)
  const milliseconds = (parseDuration(within) ?? 0) * 1000
  if (milliseconds >= least) return milliseconds
  throw new TypeError(
    `within must be a duration of ${least / 1000} seconds or more, because it must include three times storeTimeout and one second to close`,
  )
}
