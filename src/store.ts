/**
 * Where sessions live: the two verbs that koa-authx asks of a backend. Every rule about tokens and sessions is kept in
 * the library; a store only keeps strings and decides races.
 *
 * What an implementation owes its caller:
 * - A promise that resolves tells the truth. Whatever stands in the way of knowing it (no connection, a lock that is
 *   not released, an answer that cannot be read) rejects. The library answers 503 then; it never guesses.
 * - Keys are 1 to 200 characters of printable ASCII. Values are strings of any characters (but no halves of surrogate
 *   pairs) and up to 64 kB in UTF-8.
 * - A record stays until its `expiresAt`, which may be more than ten years away. Past it, it counts as nothing to both
 *   verbs, and goes away in time without being read. A backend that counts in whole seconds rounds up: a record may stay
 *   up to one second too long, and never ends too early. A date that is not in the future, or invalid, makes the call reject
 *   or the record count as nothing at once; it never means "for ever".
 * - `compareAndSet` is atomic among all processes that share the backend, and what it has written is what all of them
 *   read and compare with from the moment it has resolved: no cache, no replica that is behind.
 * - Nothing is written after a call has rejected because it took too long, where the backend can be told so.
 *
 * The conformance suite in `koa-authx/testing` checks an implementation against this contract.
 */
export interface TokenStore {
  /**
   * The values under `keys`, in the order of `keys`; `undefined` where there is none or it has expired. One round trip
   * where the backend can.
   */
  get(keys: readonly string[]): Promise<readonly (string | undefined)[]>

  /**
   * Write `value` until `expiresAt`, only if the key still holds `expected` (`undefined`: nothing, or something
   * expired). Resolves to whether it was written: of any number of racers exactly one is told `true`.
   */
  compareAndSet(key: string, expected: string | undefined, value: string, expiresAt: Date): Promise<boolean>

  /** Release connections, files and timers. Calls after it reject. */
  close?(): Promise<void>
}
