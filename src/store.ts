/** Something about a backend that harms logins, or can harm them. `TokenStore.check` returns it. */
export interface StoreFinding {
  /** A stable name, such as `redis-eviction`. A program can ignore the findings that it accepts. */
  readonly code: string
  /**
   * What is wrong, what it leads to, and what to do: a text for operators. It may contain names and addresses of
   * servers, paths and roles, but no password.
   */
  readonly message: string
}

/**
 * The store for sessions. koa-authx needs two methods of a backend: `get` and `compareAndSet`. The library implements
 * all rules about tokens and sessions. A store only keeps strings, and decides which of several simultaneous writes
 * succeeds.
 *
 * Requirements for an implementation:
 * - If a promise resolves, its value is correct. If the store cannot know the value (no connection, a lock that is
 *   not released, an unreadable response), the promise rejects. The library then responds with 503; it never guesses.
 * - Keys are 1 to 200 characters of printable ASCII. Values are strings of any characters (but without lone
 *   surrogates), up to 64 kB in UTF-8.
 * - A record exists until its `expiresAt`, which may be more than ten years in the future. After that, both methods
 *   treat it as missing, and it is deleted at some time even if it is never read. A backend that counts whole seconds
 *   rounds up: a record may exist up to one second too long, but never expires too early. If the date is invalid or not
 *   in the future, the call rejects or the record counts as expired at once. Such a date never means "no expiry".
 * - `compareAndSet` is atomic across all processes that share the backend. As soon as it resolves, all processes read
 *   the new value and compare with it: no caches, no replicas that are behind.
 * - After `compareAndSet` has rejected because of a timeout, the store does not write the value later, if the backend
 *   can prevent a late write.
 *
 * The conformance suite in `koa-authx/testing` checks an implementation against this contract.
 */
export interface TokenStore {
  /**
   * Returns the values of `keys`, in the order of `keys`. A missing or expired value is `undefined`. One call should be
   * one round trip, if the backend allows it.
   */
  get(keys: readonly string[]): Promise<readonly (string | undefined)[]>

  /**
   * Write `value` until `expiresAt`, but only if the current value is `expected`. `expected: undefined` means no value,
   * or an expired one. Resolves to true if `value` was written, otherwise to false. If several calls race with the same
   * `expected`, exactly one gets true.
   */
  compareAndSet(key: string, expected: string | undefined, value: string, expiresAt: Date): Promise<boolean>

  /**
   * Looks for what is wrong with the backend: settings, permissions, clocks. Resolves to an empty list if nothing was
   * found. It changes no setting and no record. Rejects as `get` does if the backend cannot be reached, and after
   * `close`. It may take longer than a call for a request: some seconds. The library never calls it; call it before
   * the application goes live.
   */
  check?(): Promise<readonly StoreFinding[]>

  /** Close connections, files and timers. Calls after it reject. */
  close?(): Promise<void>
}
