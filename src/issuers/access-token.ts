import { AccessTokenRequiredError } from '../errors.js'
import type { Issuer, IssuerTokenHeader } from '../issuer.js'

/** The values of `typ` in the header of an access token (RFC 9068 §2.1), in lower case. JWT is the default of issuers. */
const ACCESS_TYPES: readonly unknown[] = [undefined, 'jwt', 'at+jwt', 'application/at+jwt']

/** What tells that a token is not an access token, whatever the options say. */
const NEVER: readonly Mark[] = [
  [({ events }) => events !== undefined, 'the claim events'],
  [({ typ }) => isOneOf(typ, 'refresh', 'offline'), 'the claim typ'],
  [({ type }) => isOneOf(type, 'refresh'), 'the claim type'],
  [({ token_use }) => isOneOf(token_use, 'refresh'), 'the claim token_use'],
]

/** What tells that a token is an ID token (OpenID Connect Core §2; the claim firebase: Firebase has no other tokens). */
const ID_TOKEN: readonly Mark[] = [
  [({ nonce }) => nonce !== undefined, 'the claim nonce'],
  [({ at_hash }) => at_hash !== undefined, 'the claim at_hash'],
  [({ c_hash }) => c_hash !== undefined, 'the claim c_hash'],
  [({ s_hash }) => s_hash !== undefined, 'the claim s_hash'],
  [({ firebase }) => firebase !== undefined, 'the claim firebase'],
  [({ typ }) => isOneOf(typ, 'id'), 'the claim typ'],
  [({ token_use }) => isOneOf(token_use, 'id'), 'the claim token_use'],
]

type Mark = readonly [matches: (claims: Record<string, unknown>) => boolean, what: string]

const isOneOf = (value: unknown, ...words: string[]) => typeof value === 'string' && words.includes(value.toLowerCase())

/**
 * Refuses what is not an access token: an ID token (unless the issuer's `idTokens` allows them), a refresh token, a
 * logout token.
 * @throws AccessTokenRequiredError
 */
export function checkAccessToken(
  { typ }: IssuerTokenHeader,
  claims: Record<string, unknown>,
  { idTokens }: Issuer,
): void {
  const type = typeof typ === 'string' ? typ.toLowerCase() : typ
  if (!ACCESS_TYPES.includes(type)) throw notAnAccessToken('the header typ')
  const marks = idTokens ? NEVER : [...NEVER, ...ID_TOKEN]
  const mark = marks.find(([matches]) => matches(claims))
  if (mark) throw notAnAccessToken(mark[1])
}

const notAnAccessToken = (what: string) =>
  new AccessTokenRequiredError({ cause: `${what} says that this is another kind of token; send the access token` })
