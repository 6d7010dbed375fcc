import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Server } from 'node:http'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { audit, type TokenStore } from 'koa-authx'
import { MemoryTokenStore } from 'koa-authx/stores/memory'
import { TestClock } from 'koa-authx/testing'
import { personOf, signInApp } from '../../examples/sign-in/app.js'
import { discoverProvider } from '../../examples/sign-in/provider.js'
import { TEST_SECRET } from '../support/app.js'
import { freePort } from '../support/free-port.js'
import { LinkBrowser, type Page } from '../support/link-browser.js'
import { oidcServer, TEST_API, TEST_CLIENT } from '../support/oidc-server.js'
import { claimsOf } from './client.js'
import { Program, root } from './programs.js'

const { client_id, client_secret } = TEST_CLIENT

/** A real provider that knows the application at `origin`. ID tokens contain the email address. */
const providerFor = (t: TestContext, origin: string, client: Record<string, unknown> = {}, verified = true) =>
  oidcServer(
    t,
    {
      redirect_uris: [`${origin}/callback`],
      post_logout_redirect_uris: [`${origin}/`],
      backchannel_logout_uri: `${origin}/backchannel-logout`,
      backchannel_logout_session_required: true,
      require_auth_time: true,
      ...client,
    },
    {
      conformIdTokenClaims: false,
      claims: { openid: ['sub'], email: ['email', 'email_verified'], auth_time: null, sid: null },
      findAccount: (_ctx, sub) => ({
        accountId: sub,
        claims: () => ({ sub, email: `${sub}@example.com`, email_verified: verified }),
      }),
    },
  )

interface Choices {
  readonly client?: Record<string, unknown>
  readonly verified?: boolean
  readonly store?: TokenStore
  readonly secret?: string
}

/** The application, its provider, and the clock of the application. */
async function scene(t: TestContext, { client, verified, store, secret = client_secret }: Choices = {}) {
  const port = await freePort()
  const origin = `http://127.0.0.1:${port}`
  const { issuer, provider } = await providerFor(t, origin, client, verified)
  const clock = new TestClock(Date.now())
  const configuration = await discoverProvider(issuer, client_id, secret)
  const options = { provider: configuration, origin, secretKey: TEST_SECRET, now: clock.now }
  const app = signInApp(store ? { ...options, store } : options)
  app.silent = true
  const server: Server = app.listen(port, '127.0.0.1')
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return { app, origin, issuer, provider, clock }
}

/** Where the page of the account leads this browser: to the page itself, or to the sign-in. */
const accountOf = async (browser: LinkBrowser, origin: string) =>
  (await browser.addressAt(`${origin}/account`, `${origin}/sign-in`, origin)).pathname

/** Begins a sign-in, lets `change` change what the provider is asked, and returns the address of its answer. */
async function answerTo(browser: LinkBrowser, origin: string, change: (url: URL) => void = () => {}): Promise<URL> {
  const asked = await browser.addressAfter(`${origin}/sign-in`, origin)
  change(asked)
  return browser.addressAt(asked, `${origin}/callback`, origin)
}

/** Ends the session at the provider, as another application or the provider's own page does. */
const logOutAt = async (issuer: string, browser: LinkBrowser) =>
  browser.submit(await browser.open(`${issuer}/session/end`))

const isFailed = ({ status, text }: Page) => status === 400 && text.includes('You are not signed in')
const tokenOf = (browser: LinkBrowser, origin: string) => browser.cookies(origin).access_token_cookie

describe('examples/sign-in.ts', () => {
  test('runs, and a person signs in at the provider', async t => {
    const port = await freePort()
    const origin = `http://127.0.0.1:${port}`
    const { issuer } = await providerFor(t, origin)
    const env = { ISSUER: issuer, CLIENT_ID: client_id, CLIENT_SECRET: client_secret, ORIGIN: origin, PORT: `${port}` }
    const program = new Program(join(root, 'examples/sign-in.ts'), root, env)
    t.after(() => program.end())
    await program.until(() => fetch(origin))
    const { text } = await new LinkBrowser().open(`${origin}/account`)
    assert.ok(text.includes('You are ada@example.com'))
    assert.equal(program.stderr.replace(/.*AuthXWarning.*\n.*\n/, ''), '')
  })

  test('guards the account, and has no guard that requests get past', async t => {
    const { app } = await scene(t)
    const { routes, unsafe } = audit(app)
    const guarded = routes.filter(({ guards }) => guards.length > 0).map(({ method, path }) => `${method} ${path}`)
    assert.deepEqual([guarded, unsafe], [['GET /account'], []])
  })

  test('leads a visitor to the provider and back to the page', async t => {
    const { origin, issuer } = await scene(t)
    const ada = new LinkBrowser()
    const { url, status, text, headers } = await ada.open(`${origin}/account?tab=2`, origin)
    assert.deepEqual([status, url.href], [200, `${origin}/account?tab=2`])
    assert.match(text, /You are ada@example\.com/)
    assert.equal(headers.get('cache-control'), 'no-store')
    assert.equal(claimsOf(tokenOf(ada, origin)).sub, `${issuer}#ada`)
    assert.deepEqual(Object.keys(ada.cookies(origin)).sort(), [
      'access_token_cookie',
      'csrf_access_token',
      'csrf_refresh_token',
      'refresh_token_cookie',
    ])
  })

  test('binds the sign-in to the browser by a cookie that no script and no other subdomain can set', async t => {
    const { origin, issuer } = await scene(t)
    const ada = new LinkBrowser()
    await ada.addressAfter(`${origin}/sign-in`, origin)
    assert.match(ada.setCookies[0] ?? '', /^sign_in=[\w.-]+; Path=\/; Max-Age=600; HttpOnly; Secure; SameSite=Lax$/)
    const provider = await discoverProvider(issuer, client_id, client_secret)
    const server = signInApp({ provider, origin: 'https://app.example', secretKey: TEST_SECRET }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.after(() => server.close())
    const { port } = server.address() as { port: number }
    const { headers } = await fetch(`http://127.0.0.1:${port}/sign-in`, { redirect: 'manual' })
    assert.match(headers.getSetCookie()[0] ?? '', /^__Host-sign_in=/)
  })

  test('keeps the session when the access token has expired', async t => {
    const { origin, clock } = await scene(t)
    const ada = new LinkBrowser()
    await ada.open(`${origin}/account`, origin)
    const before = tokenOf(ada, origin)
    clock.advance('3h')
    assert.equal(await accountOf(ada, origin), '/account')
    assert.notEqual(tokenOf(ada, origin), before)
  })

  test('is fresh only if the person has entered credentials since the sign-in began', async t => {
    const { origin, clock } = await scene(t)
    const ada = new LinkBrowser()
    await ada.open(`${origin}/sign-in`, origin)
    assert.equal(claimsOf(tokenOf(ada, origin)).fresh, true)
    clock.advance('1m')
    await ada.open(`${origin}/sign-in`, origin)
    const { fresh, auth_time } = claimsOf(tokenOf(ada, origin))
    assert.equal(fresh, false)
    assert.equal(auth_time, undefined)
  })

  test('shows no email address that the provider has not verified', async t => {
    const { origin } = await scene(t, { verified: false })
    const ada = new LinkBrowser()
    const { text } = await ada.open(`${origin}/account`, origin)
    assert.match(text, /You are signed in/)
    assert.equal(claimsOf(tokenOf(ada, origin)).email, undefined)
  })
})

describe('a logout of examples/sign-in.ts', () => {
  test('ends the session here and the session at the provider', async t => {
    const { origin, issuer } = await scene(t)
    const ada = new LinkBrowser()
    const account = await ada.open(`${origin}/account`, origin)
    const stolen = ada.cookies(origin)
    const leaving = await ada.submit(account)
    assert.equal(leaving.url.href.startsWith(`${issuer}/session/end?`), true)
    assert.equal(account.headers.get('content-security-policy')?.includes(`form-action 'self' ${issuer};`), true)
    const home = await ada.submit(leaving)
    assert.deepEqual([home.status, home.url.href], [200, `${origin}/`])
    assert.deepEqual(ada.cookies(origin), {})
    const cookie = Object.entries(stolen).map(([name, value]) => `${name}=${value}`)
    const { status } = await fetch(`${origin}/account`, { headers: { cookie: cookie.join('; ') } })
    assert.equal(status, 401)
    const asked = await ada.addressAfter(`${origin}/sign-in`, origin)
    asked.searchParams.set('prompt', 'none')
    const answer = await ada.addressAt(asked, `${origin}/callback`, origin)
    assert.equal(answer.searchParams.get('error'), 'login_required')
  })

  test('is possible twice', async t => {
    const { origin } = await scene(t)
    const ada = new LinkBrowser()
    const account = await ada.open(`${origin}/account`, origin)
    await ada.submit(account)
    assert.equal((await ada.submit(account)).status, 200)
  })

  test('is not possible for a page of another site', async t => {
    const { origin } = await scene(t)
    const ada = new LinkBrowser()
    await ada.open(`${origin}/account`, origin)
    await ada.post(`${origin}/logout`, {}, 'http://evil.example')
    assert.equal(await accountOf(ada, origin), '/account')
    // A browser that knows no SameSite sends the cookies.
    const cookie = Object.entries(ada.cookies(origin)).map(([name, value]) => `${name}=${value}`)
    const headers = { cookie: cookie.join('; '), 'sec-fetch-site': 'cross-site', accept: 'text/html' }
    const { status } = await fetch(`${origin}/logout`, { method: 'POST', redirect: 'manual', headers })
    assert.equal(status, 403)
    assert.equal(await accountOf(ada, origin), '/account')
  })

  test('at the provider ends the session here that was opened with it, and no other', async t => {
    const { origin, issuer } = await scene(t)
    const [laptop, phone] = [new LinkBrowser(), new LinkBrowser()]
    await laptop.open(`${origin}/account`, origin)
    await phone.open(`${origin}/account`, origin)
    await logOutAt(issuer, laptop)
    assert.equal(await accountOf(laptop, origin), '/sign-in')
    assert.equal(await accountOf(phone, origin), '/account')
  })

  test('at a provider that names no session ends all sessions of the person here, and of no other person', async t => {
    const { origin, issuer } = await scene(t, { client: { backchannel_logout_session_required: false } })
    const [laptop, phone, eve] = [new LinkBrowser(), new LinkBrowser(), new LinkBrowser()]
    await laptop.open(`${origin}/account`, origin)
    await phone.open(`${origin}/account`, origin)
    await eve.open(await answerTo(eve, origin, url => url.searchParams.set('login_hint', 'eve')), issuer)
    await logOutAt(issuer, laptop)
    assert.equal(await accountOf(laptop, origin), '/sign-in')
    assert.equal(await accountOf(phone, origin), '/sign-in')
    assert.equal(await accountOf(eve, origin), '/account')
  })

  test('at the provider during a sign-in leaves no session here, although there was none to end yet', async t => {
    const store = new MemoryTokenStore()
    let meanwhile: (() => Promise<unknown>) | undefined
    const slow: TokenStore = {
      get: keys => store.get(keys),
      compareAndSet: async (...write) => {
        const work = meanwhile
        meanwhile = undefined
        await work?.()
        return store.compareAndSet(...write)
      },
    }
    const { origin, issuer } = await scene(t, { store: slow })
    const browser = new LinkBrowser()
    const answer = await answerTo(browser, origin)
    // The code is exchanged, and the session is about to be written.
    meanwhile = () => logOutAt(issuer, browser)
    assert.equal((await browser.open(answer, issuer)).status, 400)
    assert.equal(meanwhile, undefined)
    assert.equal(await accountOf(browser, origin), '/sign-in')
  })
})

describe('an attack on examples/sign-in.ts', () => {
  test('an answer of another browser signs nobody in: not without a sign-in of their own, and not during one', async t => {
    const { origin, issuer } = await scene(t)
    const eve = new LinkBrowser()
    const answer = await answerTo(eve, origin, url => url.searchParams.set('login_hint', 'eve'))
    const [idle, busy] = [new LinkBrowser(), new LinkBrowser()]
    await busy.addressAfter(`${origin}/sign-in`, origin)
    for (const ada of [idle, busy]) {
      assert.ok(isFailed(await ada.open(answer, issuer)))
      assert.equal(tokenOf(ada, origin), undefined)
    }
  })

  test('an answer without state, with another state or from another issuer signs nobody in', async t => {
    const { origin, issuer } = await scene(t)
    const changes: ((url: URL) => void)[] = [
      url => url.searchParams.delete('state'),
      url => url.searchParams.set('state', 'other'),
      url => url.searchParams.append('state', 'other'),
      url => url.searchParams.set('iss', 'https://other.example'),
      url => url.searchParams.delete('code'),
    ]
    for (const change of changes) {
      const ada = new LinkBrowser()
      const answer = await answerTo(ada, origin)
      change(answer)
      assert.ok(isFailed(await ada.open(answer, issuer)), answer.search)
      assert.equal(tokenOf(ada, origin), undefined)
    }
  })

  test('a code for another nonce, another challenge or of another sign-in is not accepted', async t => {
    const { origin, issuer } = await scene(t)
    const challenge = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM'
    for (const [name, value] of [
      ['nonce', 'other'],
      ['code_challenge', challenge],
    ] as const) {
      const ada = new LinkBrowser()
      const answer = await answerTo(ada, origin, url => url.searchParams.set(name, value))
      assert.ok(isFailed(await ada.open(answer, issuer)), name)
      assert.equal(tokenOf(ada, origin), undefined)
    }
    const [ada, eve] = [new LinkBrowser(), new LinkBrowser()]
    const [adas, eves] = [await answerTo(ada, origin), await answerTo(eve, origin)]
    adas.searchParams.set('code', eves.searchParams.get('code') ?? '')
    assert.ok(isFailed(await ada.open(adas, issuer)))
  })

  test('an answer counts once, and a second try does not end the session', async t => {
    const { origin, issuer } = await scene(t)
    const ada = new LinkBrowser()
    const answer = await answerTo(ada, origin)
    const attempt = ada.cookies(origin).sign_in
    assert.equal((await ada.open(answer, issuer)).url.pathname, '/')
    assert.ok(isFailed(await ada.open(answer, issuer)))
    assert.equal(await accountOf(ada, origin), '/account')
    // Who has a copy of the cookie needs the code too, and the provider takes it once.
    const headers = { cookie: `sign_in=${attempt}` }
    const { status, headers: sent } = await fetch(answer, { headers, redirect: 'manual' })
    assert.deepEqual([status, sent.getSetCookie().some(line => line.startsWith('access_token'))], [400, false])
  })

  test('a failed answer ends the sign-in: the right one comes too late', async t => {
    const { origin, issuer } = await scene(t)
    const ada = new LinkBrowser()
    const answer = await answerTo(ada, origin)
    assert.ok(isFailed(await ada.open(`${origin}/callback?code=guess&state=guess`, 'http://evil.example')))
    assert.ok(isFailed(await ada.open(answer, issuer)))
  })

  test('an error of the provider is shown in our own words', async t => {
    const { origin, issuer } = await scene(t)
    const ada = new LinkBrowser()
    const asked = await ada.addressAfter(`${origin}/sign-in`, origin)
    const answer = new URL(`${origin}/callback`)
    const state = asked.searchParams.get('state') ?? ''
    const error = { error: 'access_denied', error_description: '<script>alert(1)</script>', iss: issuer, state }
    answer.search = `${new URLSearchParams(error)}`
    const page = await ada.open(answer, issuer)
    assert.ok(isFailed(page))
    assert.doesNotMatch(page.text, /script|denied/)
  })

  test('the way back leads to no other site', async t => {
    const { origin } = await scene(t)
    for (const next of ['//evil.example', 'https://evil.example', '/\\evil.example', '/.//evil.example', 'evil']) {
      const { url } = await new LinkBrowser().open(`${origin}/sign-in?next=${encodeURIComponent(next)}`, origin)
      assert.equal(url.href, `${origin}/`)
    }
  })

  test('a sign-in that was changed, or begun too long ago, is over', async t => {
    const { origin, issuer, clock } = await scene(t)
    const ada = new LinkBrowser()
    const late = await answerTo(ada, origin)
    clock.advance('11m')
    assert.ok(isFailed(await ada.open(late, issuer)))
    const answer = await answerTo(ada, origin)
    const [head = '', ...rest] = (ada.cookies(origin).sign_in ?? '').split('.')
    const forged = Buffer.from(JSON.stringify({ next: '//evil.example', exp: 9e9 })).toString('base64url')
    for (const cookie of [[head, ...rest].join('.').slice(0, -2), `${head}.${forged}.`, tokenOf(ada, origin), 'x']) {
      const { status } = await fetch(answer, { headers: { cookie: `sign_in=${cookie}` }, redirect: 'manual' })
      assert.equal(status, 400)
    }
  })

  test('one subject at two providers is two persons, and neither provider ends sessions of the other', async t => {
    const store = new MemoryTokenStore()
    const [one, other] = [await scene(t, { store }), await scene(t, { store })]
    const browser = new LinkBrowser()
    await browser.open(`${one.origin}/account`, one.origin)
    await browser.open(`${other.origin}/account`, other.origin)
    const subjects = [one, other].map(({ origin }) => claimsOf(tokenOf(browser, origin)).sub)
    assert.deepEqual(subjects, [personOf(one.issuer, 'ada'), personOf(other.issuer, 'ada')])
    await logOutAt(one.issuer, browser)
    assert.equal(await accountOf(browser, one.origin), '/sign-in')
    assert.equal(await accountOf(browser, other.origin), '/account')
  })

  test("the provider's access tokens open no page, whomever they name", async t => {
    const { origin, provider } = await scene(t)
    const subjects = ['ada', `${provider.issuer}#ada`]
    for (const sub of subjects) {
      for (const audience of [origin, TEST_API, client_id]) {
        const client = await provider.Client.find(client_id)
        assert.ok(client)
        const token = new provider.AccessToken({ accountId: sub, client, scope: 'read' } as never)
        token.resourceServer = new provider.ResourceServer(audience, {
          scope: 'read',
          audience,
          accessTokenFormat: 'jwt',
        })
        const cookie = `access_token_cookie=${await token.save()}`
        assert.equal((await fetch(`${origin}/account`, { headers: { cookie } })).status, 401)
      }
    }
  })

  test('a wrong secret is an error of the application, not of the person', async t => {
    const { origin } = await scene(t, { secret: 'TEST_ONLY_wrong_secret' })
    const ada = new LinkBrowser()
    assert.equal((await ada.open(`${origin}/account`, origin)).status, 500)
    assert.equal(tokenOf(ada, origin), undefined)
  })
})

test('personOf never makes one id of two persons', () => {
  const ids = [
    personOf('https://one.example', 'ada'),
    personOf('https://other.example', 'ada'),
    personOf('https://one.example', 'https://other.example#ada'),
    personOf('https://one.example', '#ada'),
  ]
  assert.equal(new Set(ids).size, ids.length)
})
