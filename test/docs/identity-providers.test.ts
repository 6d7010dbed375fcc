import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { AuthX } from 'koa-authx'
import { type Issuer, type RemoteIssuerOptions, remoteIssuer } from 'koa-authx/issuers'
import { MemoryTokenStore } from 'koa-authx/stores/memory'
import { appOf, bearer, makeAuthX, serve } from '../support/app.js'
import { issuerKey, issuerServer } from '../support/issuer-server.js'
import { blocksOf, readPage } from '../support/markdown.js'

interface Shape {
  readonly alg?: string
  readonly header?: Record<string, unknown>
  /** The claims of an access token, as the provider documents them, besides `iss`, `iat` and `exp`. */
  readonly claims: Record<string, unknown>
  readonly scopes?: readonly string[]
  /** What the provider's ID token has instead. `undefined`: it has only ID tokens. */
  readonly idToken?: Record<string, unknown>
}

const API = '11111111-1111-1111-1111-111111111111'
const entra = { oid: 'o', tid: 't', sub: 'pairwise', uti: 'u', scp: 'Files.Read Files.Write', roles: ['Reader'] }

/** The tokens that providers document, by the name of the constant in the page. */
const SHAPES: Readonly<Record<string, Shape>> = {
  auth0: {
    claims: {
      sub: 'auth0|123456',
      aud: ['https://api.example.com', 'https://example.eu.auth0.com/userinfo'],
      azp: 'the client id of the application',
      scope: 'openid profile read:all delete:all',
      permissions: ['read:all'],
    },
    scopes: ['read:all'],
    idToken: { aud: 'the client id of the application', sid: 's' },
  },
  keycloak: {
    claims: {
      jti: 'onrtac:1',
      sub: 'f4f3',
      aud: ['my-api', 'account'],
      typ: 'Bearer',
      azp: 'my-app',
      sid: 's',
      acr: '1',
      realm_access: { roles: ['editor'] },
      scope: 'openid email',
    },
    scopes: ['openid', 'email'],
    idToken: { aud: ['my-app', 'my-api'], typ: 'ID' },
  },
  cognito: {
    header: { typ: undefined },
    claims: {
      jti: 'j',
      sub: 'aaaaaaaa',
      client_id: 'the app client of the mobile app',
      origin_jti: 'o',
      event_id: 'e',
      token_use: 'access',
      scope: 'openid read',
      'cognito:groups': ['staff'],
      username: 'ada',
    },
    scopes: ['openid', 'read'],
    idToken: { aud: 'the app client of the website', client_id: undefined, token_use: 'id' },
  },
  entraV2: { claims: { ...entra, aud: API, ver: '2.0', azp: 'app' }, scopes: ['Files.Read', 'Files.Write'] },
  entraV1: {
    claims: { ...entra, aud: `api://${API}`, ver: '1.0', appid: 'app' },
    scopes: ['Files.Read', 'Files.Write'],
  },
  firebase: {
    claims: {
      sub: 'uid',
      user_id: 'uid',
      aud: 'my-project',
      auth_time: 1,
      email: 'ada@example.com',
      email_verified: false,
      firebase: { identities: {}, sign_in_provider: 'password' },
    },
  },
  okta: {
    claims: { ver: 1, jti: 'AT.1', sub: 'ada@example.com', aud: 'api://default', cid: 'app', scp: ['openid', 'read'] },
    scopes: ['openid', 'read'],
    idToken: { jti: 'ID.1', aud: 'app', amr: ['pwd'] },
  },
  betterAuth: {
    alg: 'EdDSA',
    claims: { sub: 'uid', id: 'uid', email: 'ada@example.com', aud: 'https://app.example.com' },
  },
}

/** The block of the page that has a constant for each provider. */
const block =
  blocksOf(readPage('docs/identity-providers.md')).find(({ code }) => code.includes('const auth0 ='))?.code ?? ''

/** Runs the block, without what only TypeScript reads. Its issuers read their keys from `jwksUri`. */
function issuersOfPage(jwksUri: string): Record<string, Issuer> {
  const code = block.replace(/^import .*$/m, '').replaceAll(' as string[]', '')
  const names = [...code.matchAll(/^const (\w+) =/gm)].map(([, name]) => name)
  const run = new Function('remoteIssuer', `${code}\nreturn { ${names} }`)
  return run((options: RemoteIssuerOptions) => remoteIssuer({ ...options, jwksUri }))
}

describe('the providers of the page', () => {
  test('are all tried here', () => {
    assert.deepEqual(Object.keys(issuersOfPage('https://unused.example')).sort(), Object.keys(SHAPES).sort())
  })

  for (const [name, { alg = 'RS256', header = {}, claims, scopes, idToken }] of Object.entries(SHAPES)) {
    test(`${name}: what the page says accepts its access tokens, and nothing else of it`, async t => {
      const server = await issuerServer(t, await issuerKey('one', alg))
      const issuer = issuersOfPage(server.jwksUri)[name] as Issuer
      const authx = new AuthX({ issuers: [issuer], store: new MemoryTokenStore() })
      const token = (changes: object) =>
        server.token(
          { iss: issuer.issuer, jti: undefined, aud: undefined, ...claims, ...changes },
          { typ: 'JWT', ...header },
        )
      const refusal = async (changes: object) =>
        authx.verifyToken(await token(changes)).then(
          () => 'accepted',
          error => error.status,
        )
      const payload = await authx.verifyToken(await token({}))
      assert.deepEqual([payload.sub, payload.scopes], [claims.sub, scopes])
      assert.equal(await refusal({ aud: 'https://other.example' }), 401)
      assert.equal(await refusal({ iss: `${issuer.issuer}other` }), 401)
      if (idToken) assert.equal(await refusal(idToken), 401)
      await authx.revokeAllSessions(payload.sub, { issuer: issuer.issuer })
      assert.equal(await refusal({}), 401)
    })
  }

  test('Auth0 without permissions in the token gives no scopes: not those that the client has asked for', async t => {
    const server = await issuerServer(t, await issuerKey('one', 'RS256'))
    const issuer = issuersOfPage(server.jwksUri).auth0 as Issuer
    const authx = new AuthX({ issuers: [issuer], store: new MemoryTokenStore() })
    const claims = { ...SHAPES.auth0?.claims, permissions: undefined, iss: issuer.issuer }
    const { scopes } = await authx.verifyToken(await server.token(claims))
    assert.deepEqual(scopes, [])
  })
})

test('a route that a guard of an instance without issuers protects is for our own users only', async t => {
  const server = await issuerServer(t)
  const { issuer, jwksUri } = server
  const shared = { store: new MemoryTokenStore() }
  const authx = makeAuthX({ ...shared, issuers: [remoteIssuer({ issuer, jwksUri, audience: 'my-api' })] })
  const ours = makeAuthX(shared)
  const app = appOf(authx.middleware(), ours.accessTokenRequired(), async ctx => {
    ctx.body = { count: (await authx.listSessions(ctx.state.token.sub)).length }
  })
  const client = await serve(t, app)
  const { access_token } = await authx.createTokenPair('ada')
  const [own, theirs] = [access_token, await server.token({ sub: 'ada' })]
  const answers = await Promise.all([own, theirs].map(token => client({ headers: [bearer(token)] })))
  assert.deepEqual(
    answers.map(({ status, json }) => [status, json.count]),
    [
      [200, 1],
      [401, undefined],
    ],
  )
})
