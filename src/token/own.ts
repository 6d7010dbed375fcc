import { TokenInvalidSignatureError } from '../errors.js'

/** What is known about a token that a key from `getKey` has verified. */
interface FoundKeyNote {
  /** Whether the instance has configured keys. If not, keys from `getKey` verify all its tokens. */
  readonly hasOwnKeys: boolean
  /**
   * Returns whether a configured key has signed the token too. It verifies a signature, which takes time, so it is
   * called only if necessary.
   */
  readonly isSignedByOwnKey: () => boolean
}

const notes = new WeakMap<object, FoundKeyNote>()

/**
 * Remembers that a key from `getKey` has verified the token of a payload. `checkSignedByOwnKey`, `isOwn` and `checkOwn`
 * need this.
 */
export function noteFoundKey(payload: object, note: FoundKeyNote): void {
  notes.set(payload, note)
}

/**
 * Refuses a token that only a key from `getKey` has signed, before it is exchanged for tokens that our own key signs. An
 * instance without configured keys exchanges no tokens.
 * @throws TokenInvalidSignatureError
 */
export function checkSignedByOwnKey(payload: object): void {
  if (notes.get(payload)?.isSignedByOwnKey() === false) throw new TokenInvalidSignatureError({ cause: NOT_OURS })
}

/**
 * Whether the `sid` and `sub` of a payload may give access to a session. False if only a key from `getKey` has signed
 * the token, because another issuer then chose both claims. True for all tokens of an instance without configured keys,
 * and for payloads that the application made itself.
 */
export function isOwn(payload: object): boolean {
  const note = notes.get(payload)
  return note === undefined || !note.hasOwnKeys || note.isSignedByOwnKey()
}

/** Refuses a token of another issuer, which must not list or end sessions. @throws TokenInvalidSignatureError */
export function checkOwn(payload: object): void {
  if (!isOwn(payload)) throw new TokenInvalidSignatureError({ cause: NOT_OURS })
}

const NOT_OURS =
  'only a key from getKey has signed the token: to refresh, renew, list or end a session, send a token that a ' +
  'configured key of this instance has signed'
