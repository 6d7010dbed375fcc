import type { TestContext } from 'node:test'
import jsonwebtoken from 'jsonwebtoken'
import { type AuthX, type Issuer, AuthX as Library } from '../../../src/index.js'
import { bearer, makeAuthX, TEST_NOW, TEST_SECRET } from '../../support/app.js'
import { contentOf, makeRsaPair } from '../../support/signing.js'
import { clientOf, type Effect, loginContents, verdictOfGuard } from './effect.js'

const TEST_OTHER_SECRET = 'TEST_ONLY_another_secret_of_more_than_64_bytes_0123456789_0123456789'
const [pair, otherPair] = [makeRsaPair(), makeRsaPair()]
const verifyOnly = { secretKey: undefined, algorithm: 'RS256', publicKey: pair.publicKey } as const

const fromOtherSecret = makeAuthX({ secretKey: TEST_OTHER_SECRET }).createAccessToken('test')
const fromOtherPair = new Library({ algorithm: 'RS256', ...otherPair }).createAccessToken('test')
const fromHS384 = makeAuthX({ algorithm: 'HS384' }).createAccessToken('test')
const endedTenSecondsAgo = makeAuthX({ now: () => TEST_NOW - 20_000 }).createAccessToken('test', { expiry: 10 })

const { type: _type, ...typeless } = contentOf(makeAuthX().createAccessToken('test')).claims
const withoutType = jsonwebtoken.sign(typeless, TEST_SECRET)

const testIssuer: Issuer = {
  issuer: 'https://issuer.example',
  algorithms: ['HS256'],
  audience: ['my-api'],
  clientId: [],
  idTokens: false,
  claims: undefined,
  keySet: {},
  verify: async () => testIssuer.keySet,
}
const fromIssuer = jsonwebtoken.sign({ iss: testIssuer.issuer, aud: 'my-api', sub: 'test' }, TEST_OTHER_SECRET, {
  expiresIn: '1h',
})

type See = (authx: AuthX, t: TestContext) => unknown

const verdictOn =
  (token: string): See =>
  async (authx, t) =>
    verdictOfGuard(await clientOf(authx, t), token)

const verdictOnOwn: See = async (authx, t) => {
  const client = await clientOf(authx, t)
  return verdictOfGuard(client, (await client({ method: 'POST', path: '/login' })).json.access_token)
}

const claimOf =
  (name: string): See =>
  async (authx, t) =>
    (await loginContents(authx, t)).access.claims[name]

const headerOf =
  (name: string): See =>
  async (authx, t) =>
    (await loginContents(authx, t)).access.header[name]

const lifeOf =
  (type: 'access' | 'refresh'): See =>
  async (authx, t) => {
    const { iat, exp } = (await loginContents(authx, t))[type].claims
    return Number(exp) - Number(iat)
  }

/** The options about tokens and keys. */
export const TOKEN_EFFECTS = {
  algorithm: { given: { algorithm: 'HS512' }, see: headerOf('alg'), without: 'HS256', with: 'HS512' },
  secretKey: {
    given: { secretKey: TEST_OTHER_SECRET },
    see: verdictOn(fromOtherSecret),
    without: 'TokenInvalidSignatureError',
    with: 'good',
  },
  privateKey: {
    base: verifyOnly,
    given: { privateKey: pair.privateKey },
    see: async (authx, t) => (await (await clientOf(authx, t))({ method: 'POST', path: '/login' })).status,
    without: 500,
    with: 200,
  },
  publicKey: {
    base: verifyOnly,
    given: { publicKey: otherPair.publicKey },
    see: verdictOn(fromOtherPair),
    without: 'TokenInvalidSignatureError',
    with: 'good',
  },
  previousSecretKey: {
    given: { previousSecretKey: TEST_OTHER_SECRET },
    see: verdictOn(fromOtherSecret),
    without: 'TokenInvalidSignatureError',
    with: 'good',
  },
  previousPublicKey: {
    base: verifyOnly,
    given: { previousPublicKey: otherPair.publicKey },
    see: verdictOn(fromOtherPair),
    without: 'TokenInvalidSignatureError',
    with: 'good',
  },
  keys: {
    given: { secretKey: undefined, keys: [{ kid: 'one', secretKey: TEST_SECRET }] },
    see: headerOf('kid'),
    without: undefined,
    with: 'one',
  },
  getKey: {
    given: { getKey: () => TEST_OTHER_SECRET },
    see: verdictOn(fromOtherSecret),
    without: 'TokenInvalidSignatureError',
    with: 'good',
  },
  adoptClaims: {
    given: { adoptClaims: claims => ({ type: 'access', ...claims }) },
    see: verdictOn(withoutType),
    without: 'JWTDecodeError',
    with: 'good',
  },
  issuers: {
    given: { issuers: [testIssuer] },
    see: verdictOn(fromIssuer),
    without: 'TokenInvalidSignatureError',
    with: 'good',
  },
  decodeAlgorithms: {
    given: { decodeAlgorithms: ['HS256', 'HS384'] },
    see: verdictOn(fromHS384),
    without: 'JWTDecodeError',
    with: 'good',
  },
  decodeAudience: {
    base: { encodeAudience: 'web' },
    given: { decodeAudience: 'api' },
    see: verdictOnOwn,
    without: 'good',
    with: 'TokenInvalidAudienceError',
  },
  decodeIssuer: {
    base: { encodeIssuer: 'https://here.example' },
    given: { decodeIssuer: 'https://there.example' },
    see: verdictOnOwn,
    without: 'good',
    with: 'TokenInvalidIssuerError',
  },
  decodeLeeway: {
    base: { now: () => TEST_NOW },
    given: { decodeLeeway: 30 },
    see: verdictOn(endedTenSecondsAgo),
    without: 'TokenExpiredError',
    with: 'good',
  },
  encodeAudience: { given: { encodeAudience: 'web' }, see: claimOf('aud'), without: undefined, with: 'web' },
  encodeIssuer: { given: { encodeIssuer: 'here' }, see: claimOf('iss'), without: undefined, with: 'here' },
  encodeNbf: {
    base: { now: () => TEST_NOW },
    given: { encodeNbf: false },
    see: claimOf('nbf'),
    without: TEST_NOW / 1000,
    with: undefined,
  },
  identityClaim: { given: { identityClaim: 'user' }, see: claimOf('user'), without: undefined, with: 'test' },
  loginType: { given: { loginType: 'admin' }, see: claimOf('login_type'), without: undefined, with: 'admin' },
  accessTokenExpires: {
    given: { accessTokenExpires: '1h' },
    see: lifeOf('access'),
    without: 15 * 60,
    with: 60 * 60,
  },
  refreshTokenExpires: {
    given: { refreshTokenExpires: '30d' },
    see: lifeOf('refresh'),
    without: 20 * 86_400,
    with: 30 * 86_400,
  },
  now: {
    base: { now: () => TEST_NOW },
    given: { now: () => TEST_NOW + 60_000 },
    see: claimOf('iat'),
    without: TEST_NOW / 1000,
    with: TEST_NOW / 1000 + 60,
  },
  errorMessageKey: {
    given: { errorMessageKey: 'msg' },
    see: async (authx, t) =>
      Object.keys((await (await clientOf(authx, t))({ path: '/protected', headers: [bearer('a')] })).json),
    without: ['message', 'error_type'],
    with: ['msg', 'error_type'],
  },
} satisfies Record<string, Effect>
