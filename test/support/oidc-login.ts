import * as client from 'openid-client'
import { Browser } from './cookie-browser.js'
import { TEST_API, TEST_CLIENT } from './oidc-server.js'

/** A person's browser: it keeps cookies and follows redirects on loopback. It runs no script. */
export class PersonsBrowser {
  #jar = new Browser('127.0.0.1')

  /**
   * Loads a page, as a link does, and follows its redirects. Returns the last response. With `stopAt`, it does not load
   * an address that starts with this text: it returns the redirect to it.
   */
  async open(url: URL | string, stopAt?: string): Promise<Page> {
    return this.#load(new URL(url), {}, stopAt)
  }

  /** Sends the first form of a page, with its hidden fields. */
  async submit({ url, text }: Page, stopAt?: string): Promise<Page> {
    const action = /<form[^>]*action="([^"]*)"/.exec(text)?.[1] ?? url.href
    const fields = [...text.matchAll(/name="([^"]*)" value="([^"]*)"/g)]
    const body = new URLSearchParams(fields.map(([, name = '', value = '']): [string, string] => [name, value]))
    return this.#load(new URL(action, url), { method: 'POST', body }, stopAt)
  }

  async #load(url: URL, init: RequestInit, stopAt: string | undefined): Promise<Page> {
    if (url.hostname !== '127.0.0.1') throw new Error(`${url.href} is not on loopback`)
    const headers = { Accept: 'text/html', ...Object.fromEntries(this.#jar.headersFor(url.pathname)) }
    const response = await fetch(url, { ...init, headers, redirect: 'manual' })
    this.#jar.take(response.headers.getSetCookie(), url.pathname)
    const text = await response.text()
    const location = response.headers.get('Location')
    if (location === null) return { url, status: response.status, text }
    const next = new URL(location, url)
    if (stopAt !== undefined && next.href.startsWith(stopAt)) return { url: next, status: response.status, text: '' }
    return this.#load(next, {}, stopAt)
  }
}

/** What a browser shows, or the address of a redirect that it has not followed. */
export interface Page {
  readonly url: URL
  readonly status: number
  readonly text: string
}

/** The address to which the provider of the tests redirects after a login. Nobody listens there. */
export const TEST_CALLBACK = 'http://127.0.0.1/callback'

export interface OidcLoginOptions {
  /** Who logs in, if nobody is logged in at the provider with this browser. Default `'ada'`. */
  person?: string
  /** Default `'openid read'`. With `offline_access`, the provider also issues a refresh token. */
  scope?: string
  /** The resource that the access token is for. Default `TEST_API`. */
  resource?: string
  /** Default: a new browser, and therefore a new session at the provider. */
  browser?: PersonsBrowser
  /** More parameters of the authorization request, such as `nonce`. */
  parameters?: Record<string, string>
}

export interface OidcLogin {
  /** The tokens of the token endpoint. */
  readonly tokens: client.TokenEndpointResponse & client.TokenEndpointResponseHelpers
  /** The client, for more requests to the provider. */
  readonly config: client.Configuration
  readonly browser: PersonsBrowser
}

/** The client of the tests, at a real provider on loopback. */
export async function oidcClient(issuer: string): Promise<client.Configuration> {
  const { client_id, client_secret } = TEST_CLIENT
  const options = { execute: [client.allowInsecureRequests] }
  return client.discovery(new URL(issuer), client_id, client_secret, undefined, options)
}

/** Logs a person in at a real provider: the authorization code flow with PKCE (RFC 7636). */
export async function oidcLogin(issuer: string, options: OidcLoginOptions = {}): Promise<OidcLogin> {
  const { person = 'ada', scope = 'openid read', resource = TEST_API, browser = new PersonsBrowser() } = options
  const config = await oidcClient(issuer)
  const pkceCodeVerifier = client.randomPKCECodeVerifier()
  const [state, nonce] = [client.randomState(), options.parameters?.nonce]
  const address = client.buildAuthorizationUrl(config, {
    redirect_uri: TEST_CALLBACK,
    scope,
    resource,
    login_hint: person,
    state,
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
    ...(scope.includes('offline_access') && { prompt: 'consent' }),
    ...options.parameters,
  })
  const { url } = await browser.open(address, TEST_CALLBACK)
  const checks = { pkceCodeVerifier, expectedState: state, ...(nonce && { expectedNonce: nonce }) }
  return { tokens: await client.authorizationCodeGrant(config, url, checks), config, browser }
}

/**
 * Logs a person out at the provider (OpenID Connect RP-Initiated Logout 1.0). The provider has called all
 * `backchannel_logout_uri`s before this resolves.
 */
export async function oidcLogout({ browser, config, tokens }: OidcLogin): Promise<Page> {
  const { id_token } = tokens
  return browser.submit(
    await browser.open(client.buildEndSessionUrl(config, id_token ? { id_token_hint: id_token } : {})),
  )
}
