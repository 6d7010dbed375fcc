import type { RemoteIssuerOptions } from 'koa-authx/issuers'
import { type IssuerKey, issuerKey } from '../support/issuer-server.js'

const [rs256, es256, eddsa] = await Promise.all([
  issuerKey('rsa', 'RS256'),
  issuerKey('ec', 'ES256'),
  issuerKey('ed', 'EdDSA'),
])

export type Claims = Record<string, unknown>

/** A token as a provider documents it, without times and `iss`. A claim that is `undefined` is left out. */
export interface Shape {
  readonly claims: Claims
  readonly header?: Claims
}

export interface Provider {
  readonly options: Omit<RemoteIssuerOptions, 'jwksUri'>
  readonly key: IssuerKey
  readonly access: Shape
  /** Claims that the application sees. */
  readonly seen: Claims
  /** Other tokens of the same user. `aud` is left to the test where the provider gives one to access tokens. */
  readonly others: Readonly<Record<string, Shape>>
}

const API = 'https://api.example'
export const CLIENT = '0oa1client'

/** Keycloak's lists of roles: those of the realm, and those of each client. */
interface KeycloakRoles {
  readonly realm_access?: { readonly roles: readonly string[] }
  readonly resource_access?: Readonly<Record<string, { readonly roles: readonly string[] }>>
}

const KEYCLOAK: Claims = {
  jti: 'onrtac:d58f5dc8-fd8f-462b-8a19-716f8f83985b',
  sub: '36fa0f91-f94d-4a0c-afed-6b7d952e47da',
  azp: 'my-frontend',
  sid: '2a88c258-f73a-4103-b862-e1fbd8f4e04e',
  session_state: '2a88c258-f73a-4103-b862-e1fbd8f4e04e',
  acr: '1',
}

const ENTRA: Claims = {
  aio: 'AXQAi/8TAAAA',
  oid: '690222be-ff1a-4d56-abd1-7e4f7d38e474',
  rh: '0.AAAAAA.',
  sub: 'HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ',
  tid: 'fa15d692-e9c7-4460-a743-29f29522229c',
  uti: 'fqiBqXLPj0eQa82S-IYFAA',
}

/** Providers, by name: what they document about their tokens. */
export const PROVIDERS: Readonly<Record<string, Provider>> = {
  Auth0: {
    options: {
      issuer: 'https://my-domain.auth0.com/',
      audience: API,
      claims: ({ permissions, ...claims }) => ({ ...claims, scopes: permissions }),
    },
    key: rs256,
    access: {
      header: { typ: 'JWT' },
      claims: {
        sub: 'auth0|123456',
        aud: [API, 'https://my-domain.auth0.com/userinfo'],
        azp: CLIENT,
        scope: 'openid profile read:patients',
        permissions: ['read:patients', 'write:patients'],
        jti: undefined,
      },
    },
    seen: { sub: 'auth0|123456', scopes: ['read:patients', 'write:patients'], azp: CLIENT },
    others: {
      'an ID token': {
        header: { typ: 'JWT' },
        claims: { sub: 'auth0|123456', nickname: 'ada', email: 'ada@example.com', sid: 's', nonce: 'n' },
      },
    },
  },
  'Auth0 with the profile of RFC 9068': {
    options: { issuer: 'https://my-domain.auth0.com/', audience: API },
    key: rs256,
    access: {
      header: { typ: 'at+jwt' },
      claims: {
        sub: 'auth0|123456',
        aud: [API, 'https://my-domain.auth0.com/userinfo'],
        client_id: CLIENT,
        jti: '73WakrfVbNJBaAmhQtEeDv',
        scope: 'openid profile read:patients',
      },
    },
    seen: { jti: '73WakrfVbNJBaAmhQtEeDv', scopes: ['openid', 'profile', 'read:patients'] },
    others: {
      'an ID token': { header: { typ: 'JWT' }, claims: { sub: 'auth0|123456', nonce: 'n', at_hash: 'h' } },
      'a logout token': {
        header: { typ: 'logout+jwt' },
        claims: { sid: 's', events: { 'http://schemas.openid.net/event/backchannel-logout': {} } },
      },
    },
  },
  Keycloak: {
    options: {
      issuer: 'https://sso.example/realms/main',
      audience: 'my-api',
      claims: claims => {
        const { realm_access, resource_access } = claims as unknown as KeycloakRoles
        return { ...claims, roles: [...(realm_access?.roles ?? []), ...(resource_access?.['my-api']?.roles ?? [])] }
      },
    },
    key: rs256,
    access: {
      header: { typ: 'JWT' },
      claims: {
        ...KEYCLOAK,
        aud: ['my-api', 'account'],
        typ: 'Bearer',
        'allowed-origins': ['https://app.example'],
        realm_access: { roles: ['offline_access', 'operator'] },
        resource_access: { 'my-api': { roles: ['reader'] }, account: { roles: ['manage-account'] } },
        scope: 'email profile',
        email_verified: true,
        preferred_username: 'ada',
      },
    },
    seen: { roles: ['offline_access', 'operator', 'reader'], scopes: ['email', 'profile'], sid: KEYCLOAK.sid },
    others: {
      'an ID token': { header: { typ: 'JWT' }, claims: { ...KEYCLOAK, typ: 'ID', at_hash: 'h' } },
      'an ID token without at_hash': { header: { typ: 'JWT' }, claims: { ...KEYCLOAK, typ: 'ID' } },
      'a refresh token': { header: { typ: 'JWT' }, claims: { ...KEYCLOAK, typ: 'Refresh', scope: 'email' } },
      'an offline token': { header: { typ: 'JWT' }, claims: { ...KEYCLOAK, typ: 'Offline', scope: 'email' } },
      'a logout token': {
        header: { typ: 'JWT' },
        claims: { ...KEYCLOAK, typ: 'Logout', events: { 'http://schemas.openid.net/event/backchannel-logout': {} } },
      },
    },
  },
  Cognito: {
    options: {
      issuer: 'https://cognito-idp.us-east-1.amazonaws.com/us-east-1_example',
      audience: false,
      clientId: CLIENT,
      claims: claims => ({ ...claims, roles: claims['cognito:groups'] }),
    },
    key: rs256,
    access: {
      header: { typ: undefined },
      claims: {
        aud: undefined,
        sub: 'aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee',
        'cognito:groups': ['admins'],
        client_id: CLIENT,
        origin_jti: 'o',
        event_id: 'e',
        token_use: 'access',
        scope: 'phone openid profile',
        auth_time: 1_676_312_777,
        version: 2,
        username: 'ada',
        jti: 'aaaaaaaa-1111',
      },
    },
    seen: { roles: ['admins'], scopes: ['phone', 'openid', 'profile'], auth_time: 1_676_312_777 },
    others: {
      'an ID token': {
        header: { typ: undefined },
        claims: {
          sub: 'aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee',
          aud: CLIENT,
          'cognito:username': 'ada',
          token_use: 'id',
          origin_jti: 'o',
          auth_time: 1_676_312_777,
        },
      },
      'an ID token that claims a client': {
        header: { typ: undefined },
        claims: { token_use: 'id', client_id: CLIENT },
      },
    },
  },
  'Entra, version 1': {
    options: { issuer: `https://sts.windows.net/${ENTRA.tid}/`, audience: 'api://my-api' },
    key: rs256,
    access: {
      header: { typ: 'JWT', x5t: 'rsa' },
      claims: {
        ...ENTRA,
        aud: 'api://my-api',
        jti: undefined,
        acr: '1',
        amr: ['pwd', 'mfa'],
        appid: '75dbe77f-10a3-4e59-85fd-8c127544f17c',
        appidacr: '0',
        ipaddr: '192.0.2.1',
        name: 'Ada',
        roles: ['Reader'],
        scp: 'Files.Read Files.Write',
        unique_name: 'ada@example.com',
        upn: 'ada@example.com',
        ver: '1.0',
      },
    },
    seen: { scopes: ['Files.Read', 'Files.Write'], roles: ['Reader'], amr: ['pwd', 'mfa'] },
    others: {
      'an ID token': {
        header: { typ: 'JWT' },
        claims: { ...ENTRA, amr: ['pwd'], nonce: 'n', unique_name: 'ada@example.com', ver: '1.0' },
      },
    },
  },
  'Entra, version 2': {
    options: {
      issuer: `https://login.microsoftonline.com/${ENTRA.tid}/v2.0`,
      audience: '6e74172b-be56-4843-9ff4-e66a39bb12e3',
    },
    key: rs256,
    access: {
      header: { typ: 'JWT' },
      claims: {
        ...ENTRA,
        aud: '6e74172b-be56-4843-9ff4-e66a39bb12e3',
        jti: undefined,
        azp: '14c88eee-b3e2-4bb0-9233-f5e3053b3a28',
        azpacr: '1',
        name: 'Ada',
        preferred_username: 'ada@example.com',
        roles: ['Reader'],
        scp: 'access_as_user',
        ver: '2.0',
      },
    },
    seen: { scopes: ['access_as_user'], roles: ['Reader'] },
    others: {
      'an ID token': { header: { typ: 'JWT' }, claims: { ...ENTRA, name: 'Ada', nonce: 'n', ver: '2.0' } },
      'an ID token of the hybrid flow': { header: { typ: 'JWT' }, claims: { ...ENTRA, c_hash: 'h', ver: '2.0' } },
    },
  },
  'Entra, an application without a user': {
    options: {
      issuer: `https://login.microsoftonline.com/${ENTRA.tid}/v2.0`,
      audience: '6e74172b-be56-4843-9ff4-e66a39bb12e3',
      claims: ({ roles, ...claims }) => ({ ...claims, scopes: roles }),
    },
    key: rs256,
    access: {
      header: { typ: 'JWT' },
      claims: {
        ...ENTRA,
        aud: '6e74172b-be56-4843-9ff4-e66a39bb12e3',
        roles: ['Tasks.Read.All'],
        idtyp: 'app',
        ver: '2.0',
      },
    },
    seen: { scopes: ['Tasks.Read.All'] },
    others: {},
  },
  Okta: {
    options: { issuer: 'https://my-domain.okta.com/oauth2/default', audience: 'api://default' },
    key: rs256,
    access: {
      header: { typ: undefined },
      claims: {
        ver: 1,
        jti: 'AT.MNAoEQ_jbKqoinrQo1D0XKjMX28U5d7ZszBceot7',
        aud: 'api://default',
        sub: 'ada@example.com',
        cid: CLIENT,
        uid: '00uid4BxXw6I6TV4m0g3',
        scp: ['openid', 'reports:read'],
        auth_time: 1_688_145_909,
        groups: ['Everyone'],
      },
    },
    seen: { scopes: ['openid', 'reports:read'], groups: ['Everyone'], cid: CLIENT },
    others: {
      'an ID token': {
        header: { typ: undefined },
        claims: {
          ver: 1,
          jti: 'ID.radCQMOQUmyvcTBmmIL0J6BaS60apUEiC7',
          sub: '00uid',
          amr: ['pwd'],
          idp: 'i',
          at_hash: 'h',
        },
      },
    },
  },
  Firebase: {
    options: { issuer: 'https://securetoken.google.com/my-project', audience: 'my-project', idTokens: true },
    key: rs256,
    access: {
      header: { typ: 'JWT' },
      claims: {
        aud: 'my-project',
        auth_time: 1_688_145_909,
        user_id: 'AbCdEf',
        sub: 'AbCdEf',
        email: 'ada@example.com',
        email_verified: true,
        firebase: { identities: { email: ['ada@example.com'] }, sign_in_provider: 'password' },
        admin: true,
        jti: undefined,
      },
    },
    seen: { sub: 'AbCdEf', admin: true, auth_time: 1_688_145_909 },
    others: {},
  },
  'better-auth': {
    options: { issuer: 'https://app.example', audience: 'https://app.example' },
    key: eddsa,
    access: {
      header: { typ: undefined },
      claims: {
        id: 'u1',
        sub: 'u1',
        aud: 'https://app.example',
        email: 'ada@example.com',
        name: 'Ada',
        jti: undefined,
      },
    },
    seen: { sub: 'u1', name: 'Ada' },
    others: {
      'an ID token of its OpenID provider': { header: { typ: undefined }, claims: { sub: 'u1', nonce: 'n' } },
    },
  },
  'an authorization server with elliptic curves (RFC 9068)': {
    options: { issuer: 'https://as.example', audience: API },
    key: es256,
    access: {
      header: { typ: 'application/at+jwt' },
      claims: { aud: API, client_id: CLIENT, scope: 'read', roles: ['a'], groups: ['b'], entitlements: ['c'] },
    },
    seen: { scopes: ['read'], roles: ['a'], groups: ['b'], entitlements: ['c'] },
    others: {
      'a JWT of another kind': { header: { typ: 'dpop+jwt' }, claims: {} },
      'a security event': { header: { typ: 'secevent+jwt' }, claims: {} },
      'a response of introspection': { header: { typ: 'token-introspection+jwt' }, claims: {} },
      'the answer of a user info endpoint': { header: { typ: 'JWT' }, claims: { exp: undefined } },
      'an ID token of FAPI': { header: { typ: 'JWT' }, claims: { s_hash: 'h' } },
    },
  },
}
