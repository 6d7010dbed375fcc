import { TokenInvalidSignatureError } from '../errors.js'

/** What is known of a token that a key from `getKey` has verified. */
interface FoundKeyNote {
  /** Whether the instance has configured keys. If not, it takes all its tokens from `getKey`. */
  readonly hasOwnKeys: boolean
  /** Whether a configured key has signed the token, too. It takes a verification, and is seldom asked. */
  readonly isSignedByOwnKey: () => boolean
}

const notes = new WeakMap<object, FoundKeyNote>()

/** Note of a payload that a key from `getKey` has verified its token. */
export function noteFoundKey(payload: object, note: FoundKeyNote): void {
  notes.set(payload, note)
}

/**
 * Refuse a token that only a key from `getKey` has signed, before it is exchanged for tokens that our own key signs. An
 * instance without keys of its own exchanges none. @throws TokenInvalidSignatureError
 */
export function checkSignedByOwnKey(payload: object): void {
  if (notes.get(payload)?.isSignedByOwnKey() === false) throw new TokenInvalidSignatureError({ cause: NOT_OURS })
}

/**
 * Whether the sessions that a token names are its own. A token that only a key from `getKey` has signed names what its
 * signer likes: neither its `sid` nor its `sub` gives it a session. To an instance without keys of its own every token
 * is its own. A payload that the application has made is its own word.
 */
export function isOwn(payload: object): boolean {
  const note = notes.get(payload)
  return note === undefined || !note.hasOwnKeys || note.isSignedByOwnKey()
}

/** Refuse somebody else's token where it would act on a session of ours. @throws TokenInvalidSignatureError */
export function checkOwn(payload: object): void {
  if (!isOwn(payload)) throw new TokenInvalidSignatureError({ cause: NOT_OURS })
}

const NOT_OURS =
  'only a key that getKey returned has signed the token: refresh and renewal take, and sessions are shown to and ended ' +
  'by, tokens that a configured key of this instance has signed'
