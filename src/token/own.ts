import { TokenInvalidSignatureError } from '../errors.js'

/** Of payloads that a key from `getKey` has verified: whether a configured key has signed their token, too. */
const signedByOwnKey = new WeakMap<object, () => boolean>()

/** Note how it can be found out; it takes a verification, and is seldom asked. */
export function noteFoundKey(payload: object, isSignedByOwnKey: () => boolean): void {
  signedByOwnKey.set(payload, isSignedByOwnKey)
}

/**
 * Whether the token of a payload is the word of a configured key. A token that only a key from `getKey` has signed names
 * what its signer likes: neither its `sid` nor its `sub` gives it a session. A payload that the application has made is
 * its own word.
 */
export const isOwn = (payload: object): boolean => signedByOwnKey.get(payload)?.() ?? true

const NOT_OURS =
  'only a key that getKey returned has signed the token: sessions are shown to, and ended by, tokens that a configured ' +
  'key of this instance has signed'

/** Refuse somebody else's token where it would act on a session of ours. @throws TokenInvalidSignatureError */
export function checkOwn(payload: object): void {
  if (!isOwn(payload)) throw new TokenInvalidSignatureError({ cause: NOT_OURS })
}
