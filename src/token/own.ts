import { TokenInvalidSignatureError } from '../errors.js'

/** For payloads that a key from `getKey` has verified: whether a configured key also verifies their token. */
const signedByOwnKey = new WeakMap<object, () => boolean>()

/** Stores a function that checks this. It verifies a signature, and is seldom called. */
export function noteFoundKey(payload: object, isSignedByOwnKey: () => boolean): void {
  signedByOwnKey.set(payload, isSignedByOwnKey)
}

/**
 * Whether a configured key has signed the token of a payload. If only a key from `getKey` has signed it, its `sid` and
 * `sub` must not give access to a session, because the other issuer chooses them. Also true for payloads that the
 * application made itself.
 */
export const isOwn = (payload: object): boolean => signedByOwnKey.get(payload)?.() ?? true

const NOT_OURS =
  'only a key from getKey has signed the token: to list or end sessions, send a token that a configured key of this ' +
  'instance has signed'

/** Refuses tokens of other issuers where they would list or end sessions. @throws TokenInvalidSignatureError */
export function checkOwn(payload: object): void {
  if (!isOwn(payload)) throw new TokenInvalidSignatureError({ cause: NOT_OURS })
}
