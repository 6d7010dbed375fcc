import type { Internals } from '../authenticate/internals.js'
import { checkLoginType } from '../authenticate/token-checks.js'
import { type Duration, parseDuration } from '../config/duration.js'
import { checkNames, isObject } from '../config/values.js'
import { idOf } from '../session/rotation.js'
import type { TokenPayload } from '../token/payload.js'
import { leastWithinMs, paceOf } from './watch.js'
import { type ClosableSocket, GOING_AWAY, WatchedSocket } from './watched-socket.js'

/** Options of `closeWhenOver`. */
export interface CloseWhenOverOptions {
  /**
   * Maximum time until a socket is closed after a revocation in another process. At least 2 seconds. Default 10
   * seconds.
   */
  within?: Duration | undefined
}

const CLOSED = 3

const OPTION_NAMES = new Set(['within'])

/** Watches the sockets of an instance and closes each when its login ends. */
export class SocketWatcher {
  readonly #internals: Internals
  /** The watched sockets by subject, because every event has a subject. */
  readonly #watched = new Map<string, Set<WatchedSocket>>()
  /** The checks that others can still join. */
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
  }

  /**
   * Close `socket` when the login of `payload` ends, or when the store cannot confirm it in time.
   * @returns a function that stops watching.
   * @throws TypeError, LoginTypeMismatchError.
   */
  watch(socket: ClosableSocket, payload: TokenPayload, options: CloseWhenOverOptions): () => void {
    const { config } = this.#internals
    checkSocket(socket)
    checkPayload(payload)
    checkLoginType(payload, config)
    const pace = paceOf(withinOf(options, config.storeTimeout), config.storeTimeout)
    if (socket.readyState === CLOSED) return () => {}
    const watched = new WatchedSocket(this.#internals, socket, payload, pace, {
      check: this.#check,
      onStop: () => this.#remove(watched),
    })
    this.#watched.set(payload.sub, (this.#watched.get(payload.sub) ?? new Set()).add(watched))
    if (this.#isClosed) watched.close(GOING_AWAY, '')
    else watched.start()
    return watched.stop
  }

  /** Close all sockets, because the store is about to be closed. */
  close(): void {
    this.#isClosed = true
    for (const watched of [...this.#watched.values()].flatMap(sockets => [...sockets])) watched.close(GOING_AWAY, '')
  }

  /** Ask the store again about sockets of `sub`, after an event in this process. */
  #recheckNow(sub: string, concerns: (payload: TokenPayload) => boolean): void {
    for (const watched of this.#watched.get(sub) ?? []) if (concerns(watched.payload)) watched.recheckNow()
  }

  /**
   * Sockets of one token that ask in the same microtasks share the answer. After an event all sockets of a subject ask,
   * and thousands of calls at once would make the store refuse those of others. An event that comes in these microtasks
   * is of a write that was done before the call.
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

  #remove(watched: WatchedSocket): void {
    const { sub } = watched.payload
    const sockets = this.#watched.get(sub)
    if (sockets?.delete(watched) && sockets.size === 0) this.#watched.delete(sub)
  }
}

/** Returns the option `within` in milliseconds. @throws TypeError */
function withinOf(options: CloseWhenOverOptions, storeTimeout: number): number {
  checkNames(options, OPTION_NAMES, 'closeWhenOver')
  const { within = '10s' } = options
  const least = leastWithinMs(storeTimeout)
  const milliseconds = (parseDuration(within) ?? 0) * 1000
  if (milliseconds >= least) return milliseconds
  throw new TypeError(
    `within must be a duration of ${least / 1000} seconds or more, because it includes two store calls and one second to close`,
  )
}

function checkSocket(socket: unknown): void {
  const methods = ['close', 'once', 'off']
  if (isObject(socket) && methods.every(name => typeof socket[name] === 'function')) return
  throw new TypeError(
    'closeWhenOver: the socket must be a WebSocket of ws, or an object with the methods close, once and off',
  )
}

function checkPayload(payload: unknown): void {
  if (isObject(payload) && typeof payload.exp === 'number' && typeof payload.sub === 'string') return
  throw new TypeError('closeWhenOver: the payload must be the result of authenticateUpgrade')
}
