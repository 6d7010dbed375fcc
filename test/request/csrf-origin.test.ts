import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import type { AuthXOptions } from '../../src/index.js'
import { bearer, cookie } from '../support/app.js'
import { type Header, loggedIn, MISSING, outcome, type Scene, WRONG } from './scene.js'

const TRUSTED = 'https://app.example'
const ORIGIN_MODE: AuthXOptions = { csrfCheck: 'origin', trustedOrigins: [TRUSTED] }

/**
 * Whether a request passes without a CSRF value, said a second time: as a list of sentences about what was sent. Host is
 * `api.example`, over http.
 */
type Verdict = 'passes' | 'refused' | 'needs the value'

function expected(site: string | undefined, origin: string | undefined): Verdict {
  if (site === undefined && origin === undefined) return 'needs the value'
  if (origin === TRUSTED) return 'passes'
  if (site === 'same-origin' || site === 'none') return 'passes'
  if (site === undefined && (origin === 'http://api.example' || origin === 'http://API.example')) return 'passes'
  return 'refused'
}

const SITES = [
  undefined,
  'same-origin',
  'none',
  'same-site',
  'cross-site',
  'Same-Origin',
  'same-origin, same-origin',
  '',
]
const ORIGINS = [
  undefined,
  TRUSTED,
  'http://api.example',
  'https://api.example',
  'http://api.example:8080',
  'http://api.example.evil.example',
  'https://evil.example',
  'https://app.example.evil.example',
  'https://app.example/',
  'null',
  '',
  `${TRUSTED}, https://evil.example`,
]
const STATUS: Record<Verdict, string> = { passes: '200', refused: WRONG, 'needs the value': MISSING }

const line = (name: string, value: string | undefined): Header[] => (value === undefined ? [] : [[name, value]])

const from = (site: string | undefined, origin: string | undefined): Header[] => [
  ['Host', 'api.example'],
  ...line('Sec-Fetch-Site', site),
  ...line('Origin', origin),
]

/** The outcome of a request with the cookies of the login. */
const send = (scene: Scene, path: string, headers: readonly Header[], method = 'POST') =>
  outcome(scene.client, { method, path, headers: [cookie(scene.jar), ...headers] })

describe("with csrfCheck: 'origin', a request with a cookie", () => {
  for (const site of SITES) {
    test(`and Sec-Fetch-Site ${JSON.stringify(site)} is judged by it and by Origin`, async t => {
      const scene = await loggedIn(t, ORIGIN_MODE)
      for (const origin of ORIGINS) {
        const headers = from(site, origin)
        const verdict = expected(site, origin)
        for (const path of ['/protected', '/always'])
          assert.equal(await send(scene, path, headers), STATUS[verdict], `${path} from ${origin}`)
        const withValue: Header[] = [...headers, ['X-CSRF-TOKEN', scene.csrf]]
        const isRefused = verdict === 'refused'
        assert.equal(await send(scene, '/protected', withValue), isRefused ? WRONG : '200', `value from ${origin}`)
        assert.equal(await send(scene, '/protected', headers, 'GET'), '200', `GET from ${origin}`)
        assert.equal(await send(scene, '/never', headers), '200', `unchecked, from ${origin}`)
      }
    })
  }

  test('changes nothing if another site sends it, with every method that is not safe', async t => {
    const scene = await loggedIn(t, ORIGIN_MODE)
    const headers = from('cross-site', 'https://evil.example')
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'QUERY', 'PURGE'])
      assert.equal(await send(scene, '/protected', headers, method), WRONG, method)
  })

  for (const path of ['/refresh', '/logout']) {
    for (const method of ['GET', 'POST']) {
      test(`to ${method} ${path} is refused from another site, and served from the own page`, async t => {
        const scene = await loggedIn(t, ORIGIN_MODE)
        const { client, jar, authx } = scene
        for (const headers of [
          from('cross-site', undefined),
          from('same-site', 'https://evil.example'),
          from('', ''),
        ]) {
          const { status, cookies } = await client({ method, path, headers: [cookie(jar), ...headers] })
          assert.deepEqual([status, cookies], [403, []])
        }
        assert.equal(await send(scene, path, [], method), MISSING)
        assert.equal((await authx.listSessions('test')).length, 1)
        const { status } = await client({ method, path, headers: [cookie(jar), ...from('same-origin', undefined)] })
        assert.ok(status < 300)
      })
    }
  }

  test('is compared with the origin that a proxy names, if the application trusts the proxy', async t => {
    for (const [proxy, status] of [
      [true, '200'],
      [false, WRONG],
    ] as const) {
      const { client, jar, app } = await loggedIn(t, ORIGIN_MODE)
      app.proxy = proxy
      const headers: Header[] = [
        ['Host', 'internal:8000'],
        ['X-Forwarded-Host', 'www.example'],
        ['X-Forwarded-Proto', 'https'],
        ['Origin', 'https://www.example'],
      ]
      assert.equal(
        await outcome(client, { method: 'POST', path: '/protected', headers: [cookie(jar), ...headers] }),
        status,
      )
    }
  })

  test('is not checked where cookies are not protected', async t => {
    const scene = await loggedIn(t, { ...ORIGIN_MODE, cookieCsrfProtect: false })
    assert.equal(await send(scene, '/protected', from('cross-site', 'https://evil.example')), '200')
    assert.equal((await login(scene, from('cross-site', 'https://evil.example'))).status, 200)
  })

  test('is told to the application as refused', async t => {
    const scene = await loggedIn(t, ORIGIN_MODE)
    const reasons: string[] = []
    scene.authx.on('refused', ({ reason }) => reasons.push(reason))
    await send(scene, '/protected', from('cross-site', 'https://evil.example'))
    await setImmediate()
    assert.deepEqual(reasons, ['ERR_CSRF'])
  })
})

test("with csrfCheck: 'origin', a token in a header is never asked where it comes from", async t => {
  const { client, jar } = await loggedIn(t, ORIGIN_MODE)
  const headers = [bearer(jar.access_token_cookie ?? ''), ...from('cross-site', 'https://evil.example')]
  assert.equal(await outcome(client, { method: 'POST', path: '/protected', headers }), '200')
})

const login = ({ client }: Scene, headers: readonly Header[]) => client({ method: 'POST', path: '/login', headers })

describe("with csrfCheck: 'origin', a login", () => {
  test('of another site sets no cookies and opens no session', async t => {
    const scene = await loggedIn(t, ORIGIN_MODE)
    for (const headers of [
      from('cross-site', 'https://evil.example'),
      from('same-site', undefined),
      from(undefined, 'null'),
    ]) {
      const { status, cookies, json } = await login(scene, headers)
      assert.deepEqual([status, cookies, json.error_type], [403, [], 'CSRFError'])
    }
    assert.equal((await scene.authx.listSessions('test')).length, 1)
  })

  test('is served from the own page, from a trusted origin, and from what is no browser', async t => {
    const scene = await loggedIn(t, ORIGIN_MODE)
    for (const headers of [from('same-origin', undefined), from('cross-site', TRUSTED), from(undefined, undefined)])
      assert.equal((await login(scene, headers)).status, 200)
  })

  test('without cookies is served wherever it comes from', async t => {
    const scene = await loggedIn(t, { ...ORIGIN_MODE, tokenLocation: ['headers'] })
    assert.equal((await login(scene, from('cross-site', 'https://evil.example'))).status, 200)
  })
})

describe("with csrfCheck: 'token', a login", () => {
  const TYPES = ['application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'text/plain', undefined]
  const LOOKS_LIKE_JSON = ['text/plain; application/json', 'text/plain;charset=application/json']
  const typed = (type: string | undefined): Header[] => (type === undefined ? [] : [['Content-Type', type]])
  const ELSEWHERE = [
    from('cross-site', 'https://evil.example'),
    from('cross-site', 'null'),
    from('same-site', undefined),
    from(undefined, 'https://evil.example'),
    from(undefined, 'null'),
  ]

  for (const tokenLocation of [
    ['cookies'],
    ['headers', 'cookies'],
    { access: ['headers'], refresh: ['cookies'] },
    { access: ['cookies'], refresh: ['headers'] },
  ] satisfies AuthXOptions['tokenLocation'][]) {
    test(`by a form of another site sets no cookies and opens no session: ${JSON.stringify(tokenLocation)}`, async t => {
      const scene = await loggedIn(t, { tokenLocation })
      for (const type of [...TYPES, ...LOOKS_LIKE_JSON]) {
        for (const headers of ELSEWHERE) {
          const { status, cookies, json } = await login(scene, [...headers, ...typed(type)])
          assert.deepEqual([status, cookies, json.error_type], [403, [], 'CSRFError'], type)
        }
      }
      assert.equal((await scene.authx.listSessions('test')).length, 1)
    })
  }

  test('is served from the own page, from a trusted origin, and from what is no browser', async t => {
    const scene = await loggedIn(t, { trustedOrigins: [TRUSTED] })
    for (const headers of [
      from('same-origin', undefined),
      from('none', undefined),
      from('cross-site', TRUSTED),
      from(undefined, TRUSTED),
      from(undefined, undefined),
    ])
      for (const type of TYPES) assert.equal((await login(scene, [...headers, ...typed(type)])).status, 200)
  })

  test('is served over plain HTTP, where browsers send only Origin, from the own page', async t => {
    const scene = await loggedIn(t)
    const headers: Header[] = [
      ['Host', 'app.test:8080'],
      ['Origin', 'http://app.test:8080'],
    ]
    assert.equal((await login(scene, headers)).status, 200)
    const other: Header[] = [
      ['Host', 'app.test:8080'],
      ['Origin', 'http://app.test:8081'],
    ]
    assert.equal((await login(scene, other)).status, 403)
  })

  test('with JSON is served wherever it comes from: browsers ask by CORS before they send JSON elsewhere', async t => {
    const scene = await loggedIn(t)
    for (const type of ['application/json', 'Application/JSON; charset=utf-8'])
      assert.equal((await login(scene, [...from('cross-site', 'https://app.example'), ...typed(type)])).status, 200)
  })

  test('with the CSRF header is served wherever it comes from, and with an empty one it is not', async t => {
    const scene = await loggedIn(t)
    const sent = (value: string): Header[] => [...from('cross-site', 'https://app.example'), ['X-CSRF-TOKEN', value]]
    assert.equal((await login(scene, sent('any'))).status, 200)
    assert.equal((await login(scene, sent(''))).status, 403)
  })

  test('without cookies is served wherever it comes from', async t => {
    const scene = await loggedIn(t, { tokenLocation: ['headers'] })
    assert.equal((await login(scene, from('cross-site', 'https://evil.example'))).status, 200)
  })
})

for (const csrfCheck of ['token', 'origin'] as const) {
  test(`with csrfCheck '${csrfCheck}', a login at the end of a redirect from an identity provider is served`, async t => {
    const { client } = await loggedIn(t, { csrfCheck })
    for (const method of ['GET', 'HEAD']) {
      const headers = from('cross-site', undefined)
      const { status, cookies } = await client({ method, path: '/login', headers })
      assert.deepEqual([status, cookies.length], [200, 4])
    }
  })
}

test("cookieCsrfProtect is turned on together with csrfCheck: 'origin', and nobody is logged out", async t => {
  const before = await loggedIn(t, { cookieCsrfProtect: false })
  const after = await loggedIn(t, { ...ORIGIN_MODE, store: before.store })
  const headers = [cookie(before.jar), ...from('same-origin', undefined)]
  for (const path of ['/protected', '/refresh', '/logout'])
    assert.match(await outcome(after.client, { method: 'POST', path, headers }), /^20[04]$/)
})

test('csrfCheck can be switched both ways, and nobody is logged out', async t => {
  const before = await loggedIn(t)
  const after = await loggedIn(t, { ...ORIGIN_MODE, store: before.store })
  const own = from('same-origin', undefined)
  assert.equal(
    await outcome(after.client, { method: 'POST', path: '/protected', headers: [cookie(before.jar), ...own] }),
    '200',
  )
  const value: Header = ['X-CSRF-TOKEN', after.csrf]
  assert.equal(
    await outcome(before.client, { method: 'POST', path: '/protected', headers: [cookie(after.jar), value] }),
    '200',
  )
})
