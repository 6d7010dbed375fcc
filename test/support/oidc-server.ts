import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import Provider, { type Configuration } from 'oidc-provider'

/** The resource that access tokens are for: their `aud`. */
export const TEST_API = 'https://api.example'

export interface OidcServer {
  readonly issuer: string
  /** The provider that runs now. */
  readonly provider: Provider
  /**
   * Replaces the provider by one with more metadata of the client, or with another configuration (other keys, for
   * example), at the same address. Sessions go on.
   */
  reconfigure(client: Record<string, unknown>, configuration?: Configuration): void
}

/** The client of the tests. Its secret is for tests only. */
export const TEST_CLIENT = { client_id: 'my-app', client_secret: 'TEST_ONLY_secret_of_the_client' } as const

/**
 * Configuration with which access tokens have the `sid` of their login. RFC 9068 does not know this claim. The provider
 * only knows it for clients with `backchannel_logout_session_required`.
 */
export const WITH_SID: Configuration = {
  extraTokenClaims: ({ oidc: { entities } }) => {
    const { sid } = (entities.AuthorizationCode ?? entities.RefreshToken ?? {}) as { sid?: string }
    return sid === undefined ? undefined : { sid }
  },
}

/**
 * Starts a real authorization server on loopback until the test is over. Whoever comes is logged in as the person that
 * `login_hint` names, without a page. Access tokens for `TEST_API` are JWTs (RFC 9068).
 * @param client more metadata of the client, such as `redirect_uris` and `backchannel_logout_uri`.
 */
export async function oidcServer(
  t: TestContext,
  client: Record<string, unknown> = {},
  configuration: Configuration = {},
): Promise<OidcServer> {
  const server = createServer((req, res) => provider.callback()(req, res))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  let provider = providerAt(issuer, client, configuration)
  return {
    issuer,
    get provider() {
      return provider
    },
    reconfigure: (metadata, changes) => {
      provider = providerAt(issuer, { ...client, ...metadata }, { ...configuration, ...changes })
    },
  }
}

function providerAt(issuer: string, client: Record<string, unknown>, configuration: Configuration): Provider {
  const provider = new Provider(issuer, {
    clients: [
      {
        ...TEST_CLIENT,
        grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
        response_types: ['code'],
        redirect_uris: ['http://127.0.0.1/callback'],
        ...client,
      },
    ],
    findAccount: (_ctx, sub) => ({ accountId: sub, claims: () => ({ sub, email: `${sub}@example.com` }) }),
    interactions: { url: (_ctx, { uid }) => `/interaction/${uid}` },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      backchannelLogout: { enabled: true },
      rpInitiatedLogout: { enabled: true, logoutSource: logoutAtOnce },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => TEST_API,
        useGrantedResource: () => true,
        getResourceServerInfo: () => ({ scope: 'read write', audience: TEST_API, accessTokenFormat: 'jwt' }),
      },
    },
    cookies: { keys: ['TEST_ONLY_key'] },
    // By default, oidc-provider connects to no address on loopback, so it would call no backchannel_logout_uri of a test.
    fetch: (url, options) => fetch(url, { ...options, dispatcher: undefined } as RequestInit),
    ...configuration,
  })
  provider.use(async (ctx, next) => {
    if (!ctx.path.startsWith('/interaction/')) return next()
    await finishInteraction(provider, ctx.req, ctx.res)
    ctx.respond = false
  })
  return provider
}

/** Logs the person in and grants what the client asks for. */
async function finishInteraction(provider: Provider, ...[req, res]: Parameters<Provider['interactionDetails']>) {
  const { params, session } = await provider.interactionDetails(req, res)
  const accountId = session?.accountId ?? String(params.login_hint ?? 'ada')
  const grant = new provider.Grant({ accountId, clientId: String(params.client_id) })
  grant.addOIDCScope(String(params.scope))
  const asked = [params.resource ?? TEST_API].flat().map(String)
  for (const resource of asked) grant.addResourceScope(resource, String(params.scope))
  const consent = { grantId: await grant.save() }
  await provider.interactionFinished(req, res, { login: { accountId }, consent }, { mergeWithLastSubmission: true })
}

/** Logs out without asking the person. */
function logoutAtOnce(ctx: { body: unknown }, form: string) {
  ctx.body = form.replace('</form>', '<input type="hidden" name="logout" value="yes"/></form>')
}
