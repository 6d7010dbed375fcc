import { TokenInvalidSignatureError } from '../errors.js'

/** What is known about a token that a configured key has not verified. */
interface ForeignNote {
  /** The issuer of the option `issuers` that has signed the token. `undefined`: a key from `getKey` has verified it. */
  readonly issuer?: string
  /** Whether only configured keys give access to sessions. If not, keys from `getKey` verify all tokens. */
  readonly hasOwnKeys: boolean
  /**
   * Returns whether a configured key has signed the token too. It verifies a signature, which takes time, so it is
   * called only if necessary.
   */
  readonly isSignedByOwnKey: () => boolean
}

const notes = new WeakMap<object, ForeignNote>()

/**
 * Remembers that a key from `getKey` has verified the token of a payload. `checkSignedByOwnKey`, `isOwn` and `checkOwn`
 * need this.
 */
export function noteFoundKey(payload: object, note: Omit<ForeignNote, 'issuer'>): void {
  notes.set(payload, note)
}

/** Remembers that an issuer of the option `issuers` has signed the token of a payload. */
export function noteIssuer(payload: object, issuer: string): void {
  notes.set(payload, { issuer, hasOwnKeys: true, isSignedByOwnKey: () => false })
}

/** The issuer of the option `issuers` that has signed the token of a verified payload. `undefined` for all others. */
export const issuerOf = (payload: object): string | undefined => notes.get(payload)?.issuer

/** Remembers about `copy`, a copy of a verified payload, what is known about the payload. */
export function copyNote(payload: object, copy: object): void {
  const note = notes.get(payload)
  if (note) notes.set(copy, note)
}

/**
 * Refuses a token that no configured key has signed, before it is exchanged for tokens that our own key signs. An
 * instance without configured keys exchanges no tokens.
 * @throws TokenInvalidSignatureError
 */
export function checkSignedByOwnKey(payload: object): void {
  if (notes.get(payload)?.isSignedByOwnKey() === false) throw new TokenInvalidSignatureError({ cause: NOT_OURS })
}

/**
 * Whether the `sid` and `sub` of a payload may give access to a session. False if only a key from `getKey` or of an
 * issuer has signed the token, because somebody else then chose both claims. True for all tokens of an instance without
 * configured keys, except those of issuers, and for payloads that the application made itself.
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
  'only a key from getKey or of an issuer has signed the token: to refresh, renew, list or end a session, send a token ' +
  'that a configured key of this instance has signed'
