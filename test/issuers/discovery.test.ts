import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { AuthX } from 'koa-authx'
import { remoteIssuer } from 'koa-authx/issuers'
import { isAllowedUrl, isLoopback } from '../../src/config/urls.js'
import { jwksUriIn } from '../../src/remote-issuer/discover.js'
import { metadataUrls } from '../../src/remote-issuer/urls.js'
import { type IssuerServer, issuerKey, issuerServer, json } from '../support/issuer-server.js'
import { causesOf, HOUR, SECOND, statusOf } from './scene.js'

const [key, other] = await Promise.all([issuerKey('one'), issuerKey('other')])

/** What a path of the server answers: a status, or JSON. */
type Site = Readonly<Record<string, number | object>>

const OPENID = '/.well-known/openid-configuration'
const OAUTH = '/.well-known/oauth-authorization-server'

/** An issuer whose server has only these paths, and an instance that accepts its tokens. */
async function scene(t: TestContext, path: string, siteOf: (issuer: string, server: IssuerServer) => Site) {
  const server = await issuerServer(t, key)
  const issuer = `${server.issuer}${path}`
  let now = 0
  const authx = new AuthX({ issuers: [remoteIssuer({ issuer, audience: 'my-api', now: () => now })] })
  const publish = (site: Site) => {
    server.answer = (req, res) => {
      const answer = site[req.url ?? ''] ?? 404
      if (typeof answer === 'object') json(res, answer)
      else res.writeHead(answer, { Location: server.jwksUri }).end()
    }
  }
  publish(siteOf(issuer, server))
  return {
    server,
    issuer,
    authx,
    publish,
    pass: (milliseconds: number) => {
      now += milliseconds
    },
    token: () => server.token({ iss: issuer }),
  }
}

const keys = { keys: [key.jwk] }

describe('the keys of an issuer are found where it publishes them', () => {
  const SITES: readonly [what: string, path: string, metadata: string][] = [
    ['OpenID Connect Discovery', '', OPENID],
    ['OpenID Connect Discovery of an issuer with a slash at the end', '/', OPENID],
    ['OpenID Connect Discovery after a path', '/realms/main', `/realms/main${OPENID}`],
    ['OpenID Connect Discovery after a path with a slash', '/tenant/v2.0/', `/tenant/v2.0${OPENID}`],
    ['RFC 8414', '', OAUTH],
    ['RFC 8414 of an issuer with a slash at the end', '/', OAUTH],
    ['RFC 8414 before a path', '/tenant', `${OAUTH}/tenant`],
    ['RFC 8414 before a path with a slash', '/tenant/a/', `${OAUTH}/tenant/a`],
  ]
  for (const [what, path, metadata] of SITES) {
    test(what, async t => {
      const { authx, token, server } = await scene(t, path, (issuer, { jwksUri }) => ({
        [metadata]: { issuer, jwks_uri: jwksUri },
        '/jwks': keys,
      }))
      assert.equal(await statusOf(authx, await token()), 200)
      assert.equal(server.asked.at(-2), metadata)
      assert.equal(server.askedForKeys, 1)
    })
  }

  for (const status of [400, 401, 403, 405, 410]) {
    test(`RFC 8414, if the server answers ${status} for paths that it does not know`, async t => {
      const { authx, token } = await scene(t, '', (issuer, { jwksUri }) => ({
        [OPENID]: status,
        [OAUTH]: { issuer, jwks_uri: jwksUri },
        '/jwks': keys,
      }))
      assert.equal(await statusOf(authx, await token()), 200)
    })
  }

  test('and tokens whose iss has a slash more or less are not its tokens', async t => {
    const { authx, server, issuer } = await scene(t, '/a', (issuer, { jwksUri }) => ({
      [`/a${OPENID}`]: { issuer, jwks_uri: jwksUri },
      '/jwks': keys,
    }))
    assert.equal(await statusOf(authx, await server.token({ iss: `${issuer}/` })), 401)
    assert.match(await causesOf(authx, await server.token({ iss: `${issuer}/` })), /slash at the end/)
    assert.deepEqual(server.asked, [])
  })
})

describe('metadata that cannot be trusted lets nobody in', () => {
  const SITES: readonly [what: string, metadata: (issuer: string, server: IssuerServer) => Site, reason: RegExp][] = [
    ['none', () => ({}), /oauth-authorization-server answered 404; set jwksUri to the address of the key set/],
    ['500', () => ({ [OPENID]: 500 }), /openid-configuration answered 500/],
    [
      '500, though RFC 8414 answers',
      (issuer, { jwksUri }) => ({
        [OPENID]: 500,
        [OAUTH]: { issuer, jwks_uri: jwksUri },
      }),
      /openid-configuration answered 500/,
    ],
    ['a redirect', () => ({ [OPENID]: 302 }), /redirects are not followed; set jwksUri/],
    ['a redirect at RFC 8414', () => ({ [OAUTH]: 301 }), /oauth-authorization-server answered 301; redirects/],
    [
      'of another issuer',
      (_issuer, { jwksUri }) => ({
        [OPENID]: { issuer: 'https://other.example', jwks_uri: jwksUri },
      }),
      /metadata of another issuer/,
    ],
    [
      'of the issuer with a slash',
      (issuer, { jwksUri }) => ({
        [OPENID]: { issuer: `${issuer}/`, jwks_uri: jwksUri },
      }),
      /another issuer; set issuer to the member issuer/,
    ],
    [
      'of another issuer at RFC 8414',
      (_issuer, { jwksUri }) => ({
        [OAUTH]: { issuer: 'https://other.example', jwks_uri: jwksUri },
      }),
      /metadata of another issuer/,
    ],
    ['without issuer', (_issuer, { jwksUri }) => ({ [OPENID]: { jwks_uri: jwksUri } }), /another issuer/],
    ['a list', () => ({ [OPENID]: [] }), /another issuer/],
    ['without jwks_uri', issuer => ({ [OPENID]: { issuer } }), /has no jwks_uri with https; set jwksUri/],
    [
      'with a list as jwks_uri',
      (issuer, { jwksUri }) => ({ [OPENID]: { issuer, jwks_uri: [jwksUri] } }),
      /no jwks_uri/,
    ],
    ['with the key set itself', () => ({ [OPENID]: keys }), /another issuer/],
    ['with http', issuer => ({ [OPENID]: { issuer, jwks_uri: 'http://keys.example/jwks' } }), /no jwks_uri with https/],
    ['with a file', issuer => ({ [OPENID]: { issuer, jwks_uri: 'file:///etc/jwks.json' } }), /no jwks_uri/],
    ['with data', issuer => ({ [OPENID]: { issuer, jwks_uri: 'data:application/json,{"keys":[]}' } }), /no jwks_uri/],
    ['with a relative address', issuer => ({ [OPENID]: { issuer, jwks_uri: '/jwks' } }), /no jwks_uri/],
  ]
  for (const [what, siteOf, reason] of SITES) {
    test(what, async t => {
      const { authx, token, server, pass, publish } = await scene(t, '', (issuer, server) => ({
        '/jwks': keys,
        ...siteOf(issuer, server),
      }))
      const { issuer, jwksUri } = server
      assert.match(await causesOf(authx, await token()), reason)
      assert.equal(await statusOf(authx, await token()), 503)
      assert.equal(server.askedForKeys, 0)

      publish({ [OPENID]: { issuer, jwks_uri: jwksUri }, '/jwks': keys })
      pass(5 * SECOND)
      assert.equal(await statusOf(authx, await token()), 200)
    })
  }
})

describe('the issuer publishes its keys elsewhere', () => {
  const moved = async (t: TestContext, old: object | number) => {
    const scenery = await scene(t, '', (issuer, { jwksUri }) => ({
      [OPENID]: { issuer, jwks_uri: jwksUri },
      '/jwks': keys,
    }))
    const { authx, token, publish, issuer } = scenery
    assert.equal(await statusOf(authx, await token()), 200)
    publish({
      [OPENID]: { issuer, jwks_uri: `${issuer}/new` },
      '/new': { keys: [other.jwk] },
      '/jwks': old,
    })
    return { ...scenery, newToken: () => scenery.server.token({}, {}, other) }
  }

  test('and the old address has still the old keys: found within an hour', async t => {
    const { authx, token, newToken, pass, server } = await moved(t, keys)
    pass(30 * SECOND)
    assert.equal(await statusOf(authx, await newToken()), 401)
    pass(HOUR - 30 * SECOND)
    assert.equal(await statusOf(authx, await newToken()), 200)
    assert.equal(await statusOf(authx, await token()), 401)
    assert.equal(server.asked.filter(path => path === OPENID).length, 2)
  })

  for (const [what, old] of [
    ['is gone', 404],
    ['redirects', 308],
    ['has another document', { moved: true }],
  ] as const) {
    test(`and the old address ${what}: found with the next request for the keys`, async t => {
      const { authx, token, newToken, pass } = await moved(t, old)
      pass(30 * SECOND)
      assert.equal(await statusOf(authx, await newToken()), 503)
      assert.equal(await statusOf(authx, await token()), 200)
      pass(30 * SECOND)
      assert.equal(await statusOf(authx, await newToken()), 200)
      assert.equal(await statusOf(authx, await token()), 401)
    })
  }

  test('and while its metadata is away, the known keys go on', async t => {
    const { authx, token, publish, pass, issuer } = await moved(t, keys)
    publish({ [OPENID]: 503, '/jwks': keys })
    pass(HOUR)
    assert.equal(await statusOf(authx, await token()), 200)
    publish({ [OPENID]: { issuer, jwks_uri: `${issuer}/new` }, '/new': keys })
    pass(30 * SECOND)
    assert.equal(await statusOf(authx, await token()), 200)
  })
})

const HERE = [
  'http://localhost/jwks',
  'http://localhost:8080/jwks',
  'http://LOCALHOST/jwks',
  'http://localhost./jwks',
  'http://keys.localhost/jwks',
  'http://127.0.0.1/jwks',
  'http://127.1/jwks',
  'http://0x7f.0.0.1/jwks',
  'http://2130706433/jwks',
  'http://127.255.255.254/jwks',
  'http://0.0.0.0/jwks',
  'http://0/jwks',
  'http://[::1]/jwks',
  'http://[::]/jwks',
  'http://[0:0:0:0:0:0:0:1]/jwks',
  'http://[::ffff:127.0.0.1]/jwks',
  'http://[::ffff:7f01:203]/jwks',
]

const ELSEWHERE = [
  'http://keys.example/jwks',
  'http://localhost.example/jwks',
  'http://mylocalhost/jwks',
  'http://127.0.0.1.example/jwks',
  'http://128.0.0.1/jwks',
  'http://10.0.0.1/jwks',
  'http://169.254.169.254/jwks',
  'http://[::2]/jwks',
  'http://[fe80::1]/jwks',
]

const withHttps = (url: string) => url.replace('http:', 'https:')

describe('addresses', () => {
  test('of this machine are known in every notation', () => {
    for (const url of HERE) assert.ok(isLoopback(url) && isLoopback(withHttps(url)) && isAllowedUrl(url), url)
    for (const url of ELSEWHERE) assert.ok(!isLoopback(url) && !isAllowedUrl(url), url)
    for (const url of ELSEWHERE) assert.ok(isAllowedUrl(withHttps(url)), url)
  })

  test('are never read without https, with a password, or from something else than a web server', () => {
    for (const url of [
      'ftp://localhost/jwks',
      'ws://localhost/jwks',
      'file://localhost/jwks',
      'https://name:password@keys.example/jwks',
      'https://name@keys.example/jwks',
      'keys.example/jwks',
      '//keys.example/jwks',
      '',
      5,
      undefined,
      new URL('https://keys.example'),
    ]) {
      assert.equal(isAllowedUrl(url), false, String(url))
    }
  })

  test('of metadata are those of the specifications', () => {
    assert.deepEqual(metadataUrls('https://a.example'), [`https://a.example${OPENID}`, `https://a.example${OAUTH}`])
    assert.deepEqual(metadataUrls('https://a.example:8443/x/y/'), [
      `https://a.example:8443/x/y${OPENID}`,
      `https://a.example:8443${OAUTH}/x/y`,
    ])
  })
})

test('an issuer elsewhere cannot make this server read from itself', () => {
  const issuer = 'https://issuer.example'
  const found = (jwks_uri: string) => jwksUriIn({ issuer, jwks_uri }, issuer, `${issuer}${OPENID}`)
  for (const url of [...HERE, ...HERE.map(withHttps)]) assert.throws(() => found(url), /has no jwks_uri/, url)
  assert.equal(found('https://keys.example/jwks'), 'https://keys.example/jwks')
})
