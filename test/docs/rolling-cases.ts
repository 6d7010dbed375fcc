import { generateKeyPairSync } from 'node:crypto'
import type { AuthXOptions } from '../../src/index.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { TEST_SECRET } from '../support/app.js'
import type { Page } from '../support/page-visitor.js'

export const PROTECTED = ['GET /api/protected', 'POST /api/protected']
export const ASKED = [...PROTECTED, 'POST /api/refresh', ...PROTECTED, 'POST /api/logout']
export const GOOD = 'accepted'

const refused = (error: string) => ASKED.map(() => error).join(', ')
/** A logout finds nothing to end. */
const unknown = (error: string) => [...ASKED.slice(1).map(() => error), '204'].join(', ')
const SIGNATURE = refused('401 TokenInvalidSignatureError')
const AUDIENCE = refused('401 TokenInvalidAudienceError')
const ISSUER = refused('401 TokenInvalidIssuerError')
const LOGIN_TYPE = refused('401 LoginTypeMismatchError')
const UNREADABLE = refused('401 JWTDecodeError')
const MISSING = refused('401 MissingTokenError')
const REVOKED = unknown('401 RevokedTokenError')
export const NO_VALUE = '403 MissingCSRFTokenError'

export const COOKIES = { tokenLocation: ['cookies'] } as const
const BY_ORIGIN = { ...COOKIES, csrfCheck: 'origin' } as const
const OTHER_SECRET = 'ANOTHER_secret_of_the_test_suite_of_more_than_64_bytes_0123456789abcdef'
const PAIR = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const ES256 = { secretKey: undefined, algorithm: 'ES256', privateKey: PAIR.privateKey } as const

interface Case {
  readonly former: AuthXOptions
  readonly changed: AuthXOptions
  /** The page that somebody has open. Default: of the server at which they logged in. */
  readonly page?: (first: AuthXOptions, then: AuthXOptions) => Page
  /** What a server with the changed options answers to a login of a former one, and the other way round. */
  readonly answers: readonly [toFormer: string, toChanged: string]
}

export const CASES: Readonly<Record<string, Case>> = {
  secretKey: { former: {}, changed: { secretKey: OTHER_SECRET }, answers: [SIGNATURE, SIGNATURE] },
  algorithm: { former: {}, changed: { algorithm: 'HS512' }, answers: [UNREADABLE, UNREADABLE] },
  privateKey: { former: {}, changed: ES256, answers: [UNREADABLE, UNREADABLE] },
  keys: {
    former: {},
    changed: { secretKey: undefined, keys: [{ kid: 'one', secretKey: OTHER_SECRET }] },
    answers: [SIGNATURE, SIGNATURE],
  },
  encodeAudience: { former: {}, changed: { encodeAudience: 'api' }, answers: [AUDIENCE, AUDIENCE] },
  decodeAudience: { former: {}, changed: { decodeAudience: 'api' }, answers: [AUDIENCE, GOOD] },
  encodeIssuer: { former: {}, changed: { encodeIssuer: 'us' }, answers: [ISSUER, GOOD] },
  'encodeIssuer, from one to another': {
    former: { encodeIssuer: 'us' },
    changed: { encodeIssuer: 'them' },
    answers: [ISSUER, ISSUER],
  },
  loginType: { former: { loginType: 'user' }, changed: { loginType: 'admin' }, answers: [LOGIN_TYPE, LOGIN_TYPE] },
  identityClaim: { former: {}, changed: { identityClaim: 'uid' }, answers: [UNREADABLE, UNREADABLE] },
  store: { former: {}, changed: { store: new MemoryTokenStore() }, answers: [REVOKED, REVOKED] },
  'the prefix of the store': {
    former: {},
    changed: { store: new MemoryTokenStore({ prefix: 'other:' }) },
    answers: [REVOKED, REVOKED],
  },
  storedLoginType: {
    former: { loginType: 'user', storedLoginType: false },
    changed: { loginType: 'user' },
    answers: [REVOKED, REVOKED],
  },
  refreshCookieName: {
    former: COOKIES,
    changed: { ...COOKIES, refreshCookieName: 'rt' },
    answers: ['200, 200, 401 MissingTokenError, 200, 200, 204', '200, 200, 401 MissingTokenError, 200, 200, 204'],
  },
  accessCookieName: {
    former: COOKIES,
    changed: { ...COOKIES, accessCookieName: 'at' },
    answers: [
      '401 MissingTokenError, 401 MissingTokenError, 200, 200, 200, 204',
      '401 MissingTokenError, 401 MissingTokenError, 200, 200, 200, 204',
    ],
  },
  cookieCsrfProtect: {
    former: { ...COOKIES, cookieCsrfProtect: false },
    changed: COOKIES,
    answers: [`200, ${NO_VALUE}, ${NO_VALUE}, 200, ${NO_VALUE}, ${NO_VALUE}`, GOOD],
  },
  csrfCheck: {
    former: COOKIES,
    changed: BY_ORIGIN,
    page: of => ({ of, csrf: 'not' }),
    answers: [GOOD, `200, ${NO_VALUE}, ${NO_VALUE}, 200, ${NO_VALUE}, ${NO_VALUE}`],
  },
  'csrfMethods, with GET': {
    former: COOKIES,
    changed: { ...COOKIES, csrfMethods: ['GET', 'POST'] },
    page: of => ({ of, csrf: 'for POST' }),
    answers: [`${NO_VALUE}, 200, 200, ${NO_VALUE}, 200, 204`, GOOD],
  },
  csrfCheckForm: {
    former: COOKIES,
    changed: { ...COOKIES, csrfCheckForm: true },
    page: of => ({ of, csrf: 'field' }),
    answers: [GOOD, `200, ${NO_VALUE}, ${NO_VALUE}, 200, ${NO_VALUE}, ${NO_VALUE}`],
  },
  trustedOrigins: {
    former: BY_ORIGIN,
    changed: { ...BY_ORIGIN, trustedOrigins: ['https://web.example'] },
    page: of => ({
      of,
      browser: [
        ['Sec-Fetch-Site', 'cross-site'],
        ['Origin', 'https://web.example'],
      ],
    }),
    answers: [GOOD, '200, 403 CSRFError, 403 CSRFError, 200, 403 CSRFError, 403 CSRFError'],
  },
  tokenLocation: { former: {}, changed: COOKIES, answers: [MISSING, MISSING] },
  headerName: { former: {}, changed: { headerName: 'X-Token' }, answers: [MISSING, MISSING] },
  'headerName, in both headers': {
    former: {},
    changed: { headerName: 'X-Token' },
    page: (of, { headerName = 'Authorization' }) => ({ of, alsoIn: headerName }),
    answers: [GOOD, GOOD],
  },
  headerType: { former: {}, changed: { headerType: 'JWT' }, answers: [MISSING, MISSING] },
}

/** Names that pages use: a page of one version finds or sends nothing at servers of the other. */
export const OF_PAGES: Readonly<Record<string, AuthXOptions>> = {
  accessCsrfCookieName: { accessCsrfCookieName: 'ac' },
  refreshCsrfCookieName: { refreshCsrfCookieName: 'rc' },
  accessCsrfHeaderName: { accessCsrfHeaderName: 'X-Access' },
  refreshCsrfHeaderName: { refreshCsrfHeaderName: 'X-Refresh' },
  csrfInCookies: { csrfInCookies: false },
}
export const OF_FORMS: Readonly<Record<string, AuthXOptions>> = {
  accessCsrfFieldName: { accessCsrfFieldName: 'ac' },
  refreshCsrfFieldName: { refreshCsrfFieldName: 'rc' },
}

const PLAIN_TO_UID = { adoptClaims: ({ uid, ...claims }: Record<string, unknown>) => ({ sub: uid, ...claims }) }
const UID = { identityClaim: 'uid', adoptClaims: (claims: Record<string, unknown>) => ({ uid: claims.sub, ...claims }) }
const API = { adoptClaims: (claims: Record<string, unknown>) => ({ aud: 'api', ...claims }) }
const US = { adoptClaims: (claims: Record<string, unknown>) => ({ iss: 'us', ...claims }) }
const USER = { adoptClaims: (claims: Record<string, unknown>) => ({ login_type: 'user', ...claims }) }
const NO_TYPE = { adoptClaims: ({ login_type, ...claims }: Record<string, unknown>) => claims }
const BOTH = { decodeAlgorithms: ['HS256', 'HS512'] } as const

/** The options of all servers, step after step: servers of one step and of the next run side by side. */
export const STEPS: Readonly<Record<string, readonly AuthXOptions[]>> = {
  secretKey: [
    {},
    { previousSecretKey: OTHER_SECRET },
    { secretKey: OTHER_SECRET, previousSecretKey: TEST_SECRET },
    { secretKey: OTHER_SECRET },
  ],
  algorithm: [{}, { ...BOTH }, { ...BOTH, algorithm: 'HS512' }, { algorithm: 'HS512' }],
  encodeAudience: [{}, { decodeAudience: 'api', ...API }, { encodeAudience: 'api', ...API }],
  encodeIssuer: [{}, { encodeIssuer: 'us', ...US }],
  loginType: [{}, NO_TYPE, { loginType: 'user', storedLoginType: false, ...USER }],
  identityClaim: [{}, PLAIN_TO_UID, UID],
  tokenLocation: [{}, { tokenLocation: ['headers', 'cookies'] }, COOKIES],
}

/** Changes of the cookies' scope: former servers go on to set cookies of the former scope. */
export const SCOPES: Readonly<Record<string, AuthXOptions>> = {
  accessCookiePath: { accessCookiePath: '/api', formerCookies: [{ path: '/' }] },
  refreshCookiePath: { refreshCookiePath: '/api', formerCookies: [{ path: '/' }] },
  accessCsrfCookiePath: { accessCsrfCookiePath: '/api', formerCookies: [{ path: '/' }] },
  refreshCsrfCookiePath: { refreshCsrfCookiePath: '/api', formerCookies: [{ path: '/' }] },
  cookieDomain: { cookieDomain: 'app.example' },
  cookiePartitioned: { cookieSamesite: 'none', cookiePartitioned: true },
}

/** Changes of how cookies are set: what a line has after it, and not before. */
export const ATTRIBUTES: Readonly<Record<string, readonly [change: AuthXOptions, attribute: RegExp]>> = {
  sessionCookie: [{ sessionCookie: false }, /; Max-Age=/i],
  cookieMaxAge: [{ cookieMaxAge: '1h' }, /; Max-Age=3600/i],
  cookieSamesite: [{ cookieSamesite: 'strict' }, /; SameSite=Strict/i],
  cookieSecure: [{ cookieSecure: false }, /^(?!.*; Secure)/i],
  cookieHttpOnly: [{ cookieHttpOnly: false }, /^(?!.*; HttpOnly)/i],
}

/** Options of the table that are tried in another way, and where. */
export const TRIED_OTHERWISE: Readonly<Record<string, string>> = {
  publicKey: 'is the other half of privateKey',
  previousPublicKey: 'is the other half of a former privateKey',
  getKey: 'replaces the keys: test/token/get-key.test.ts',
  decodeIssuer: 'is set by encodeIssuer',
  issuers: 'test/config/effects/tokens.ts: a token of the issuer is refused without it',
  queryStringName: 'test/config/effects/locations.ts: a token under another name is not found',
  jsonKey: 'test/config/effects/locations.ts: a token under another name is not found',
  refreshJsonKey: 'test/config/effects/locations.ts: a token under another name is not found',
  refreshGracePeriod: 'above',
  refreshRecovery: 'above',
  maxSessions: 'above',
  tooManySessions: 'has no effect without maxSessions',
  accessTokenRevocation: 'above',
}
