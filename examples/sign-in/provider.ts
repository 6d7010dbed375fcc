import * as client from 'openid-client'

/** A provider without HTTPS is accepted on this machine only: anyone on the way could sign in as anyone. */
const LOCAL = ['localhost', '127.0.0.1', '[::1]']

/** Reads the metadata of the provider (OpenID Connect Discovery). */
export function discoverProvider(
  issuer: string,
  clientId: string,
  clientSecret: string,
): Promise<client.Configuration> {
  const url = new URL(issuer)
  const execute = LOCAL.includes(url.hostname) ? [client.allowInsecureRequests] : []
  return client.discovery(url, clientId, clientSecret, undefined, { execute })
}

/** What the provider and the browser have said about a person. */
export interface SignedIn {
  readonly claims: client.IDToken
  readonly idToken: string
}

/** What the browser has to bring back: only it can finish the sign-in that it has begun. */
export interface Secrets {
  /** Is in the address of the answer. A link that another person has made has another one. */
  readonly state: string
  /** Is in the ID token: it belongs to this sign-in, and not to an earlier one. */
  readonly nonce: string
  /** Makes the code useless for anyone who has read it on the way (PKCE, RFC 7636). */
  readonly codeVerifier: string
}

export const newSecrets = (): Secrets => ({
  state: client.randomState(),
  nonce: client.randomNonce(),
  codeVerifier: client.randomPKCECodeVerifier(),
})

/** Returns the address at the provider where the person signs in. */
export async function authorizationUrl(
  provider: client.Configuration,
  redirectUri: string,
  { state, nonce, codeVerifier }: Secrets,
): Promise<URL> {
  return client.buildAuthorizationUrl(provider, {
    redirect_uri: redirectUri,
    scope: 'openid email',
    code_challenge: await client.calculatePKCECodeChallenge(codeVerifier),
    code_challenge_method: 'S256',
    state,
    nonce,
  })
}

/**
 * Exchanges the code in the answer for an ID token, and checks both: state, issuer, code, nonce, audience, expiry. The
 * access token is dropped, because this application asks the provider nothing else.
 * @param answer the address that the provider has sent the browser to.
 * @returns `undefined` if the answer is not valid, such as a code that was used before.
 * @throws Error if the provider does not answer, or does not accept this application.
 */
export async function finishSignIn(
  provider: client.Configuration,
  answer: URL,
  { state, nonce, codeVerifier }: Secrets,
): Promise<SignedIn | undefined> {
  try {
    const checks = { expectedState: state, expectedNonce: nonce, pkceCodeVerifier: codeVerifier }
    const tokens = await client.authorizationCodeGrant(provider, answer, checks)
    const claims = tokens.claims()
    return claims && tokens.id_token !== undefined ? { claims, idToken: tokens.id_token } : undefined
  } catch (error) {
    if (isRefusal(error)) return undefined
    // Koa would answer with the status of openid-client's error, such as 401, and log nothing.
    throw new Error('The provider has not finished a sign-in', { cause: error })
  }
}

/** Whether the answer is to blame, and not the provider or the configuration. */
function isRefusal(error: unknown): boolean {
  if (error instanceof client.AuthorizationResponseError) return true
  if (error instanceof client.ResponseBodyError) return error.error === 'invalid_grant'
  return error instanceof client.ClientError && INVALID.includes(error.code ?? '')
}

/** The codes of openid-client for an answer or an ID token that is not valid. */
const INVALID = ['OAUTH_INVALID_RESPONSE', 'OAUTH_JWT_CLAIM_COMPARISON_FAILED', 'OAUTH_JWT_TIMESTAMP_CHECK_FAILED']

/**
 * Returns the address at the provider that ends the person's session there (OpenID Connect RP-Initiated Logout 1.0).
 * `undefined` if the provider has none.
 * @param idToken the ID token of the sign-in. Without it, most providers ask the person.
 */
export function logoutUrl(
  provider: client.Configuration,
  returnTo: string,
  idToken: string | undefined,
): URL | undefined {
  if (provider.serverMetadata().end_session_endpoint === undefined) return undefined
  return client.buildEndSessionUrl(provider, {
    post_logout_redirect_uri: returnTo,
    ...(idToken !== undefined && { id_token_hint: idToken }),
  })
}
