/**
 * `csrfCheck: 'origin'` in Chromium and Firefox: what pages of the own origin, of the own site and of other sites can do
 * with a visitor's cookies. To a browser `localhost` and `127.0.0.1` are two sites, and so are `www.app.test` and
 * `evil.test`; `evil.app.test` is of the site of `www.app.test`. The browsers send third-party cookies, and the
 * application lets every page call it by CORS, so that only the check protects it.
 */
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { type FormApp, type FormAppOptions, formApp, type Handled } from './support/form-app.js'
import { serveSite } from './support/site.js'
import { post, postForm, stranger, told, WAYS } from './support/stranger.js'
import { BROWSERS, type Tab, type Visitor } from './support/tab.js'

type SameSite = 'lax' | 'strict' | 'none'

interface Attacker {
  readonly who: string
  readonly host: string
  /** Default: that of the place. */
  readonly tls?: boolean
  /** Whether browsers send cookies along with these `SameSite` attributes; `undefined` where browsers differ. */
  readonly gets: readonly SameSite[] | undefined
}

interface Place {
  readonly name: string
  readonly tls: boolean
  readonly own: string
  readonly attackers: readonly Attacker[]
  /** Those that make browsers send most come first. */
  readonly sameSites: readonly SameSite[]
  readonly options?: FormAppOptions
}

const EVERY = ['none', 'lax', 'strict'] as const

const LOCALHOST: Place = {
  name: 'http://localhost',
  tls: false,
  own: 'localhost',
  sameSites: EVERY,
  attackers: [
    { who: 'another port of localhost', host: 'localhost', gets: EVERY },
    { who: 'another site', host: '127.0.0.1', gets: ['none'] },
  ],
}

const NAMES: readonly Attacker[] = [
  { who: 'a sibling subdomain', host: 'evil.app.test', gets: EVERY },
  { who: 'another site', host: 'evil.test', gets: ['none'] },
]

const HTTPS: Place = {
  name: 'https',
  tls: true,
  own: 'www.app.test',
  sameSites: EVERY,
  attackers: [...NAMES, { who: 'the same host over http', host: 'www.app.test', tls: false, gets: undefined }],
}

/** Browsers send no `Sec-Fetch-Site` to it: `Origin` is compared. */
const HTTP: Place = {
  name: 'http, a name',
  tls: false,
  own: 'www.app.test',
  sameSites: ['lax', 'strict'],
  options: { cookieSecure: false },
  attackers: NAMES,
}

const PLACES = [LOCALHOST, HTTPS, HTTP]
const PATHS = ['/count', '/refresh', '/logout', '/login']

interface Scene {
  readonly api: FormApp
  /** Origin of the application. */
  readonly target: string
  readonly visitor: Visitor
  /** The visitor's page. */
  readonly own: Tab
}

/** Somebody who is logged in, by the form. */
async function scene(t: TestContext, browser: string, place: Place, options: FormAppOptions = {}): Promise<Scene> {
  const set = await visit(t, browser, place, options)
  assert.equal(await submit(set.own, 'login'), 'ada, 0')
  return set
}

/** Somebody who has opened the page. */
async function visit(t: TestContext, browser: string, place: Place, options: FormAppOptions): Promise<Scene> {
  const api = formApp({ ...place.options, ...options })
  const site = await serveSite(t, api.app, { tls: place.tls })
  const target = site.at(place.own)
  api.acceptSockets(site.server, [target, ...(options.trustedOrigins ?? [])])
  const visitor = await BROWSERS[browser]?.(t)
  assert.ok(visitor)
  return { api, target, visitor, own: await visitor.newTab(target) }
}

/** Submits a form of the own page. Resolves to the title of the page that it leads to. */
async function submit(tab: Tab, id: string): Promise<string> {
  await tab.follow(id => (document.getElementById(id) as HTMLFormElement).requestSubmit(), id)
  return tab.evaluate(() => document.title, null)
}

/** Everything that a stranger may want to change. */
async function situation({ api, own, target }: Scene): Promise<unknown> {
  await own.goto(target)
  const sessions = await Promise.all(['ada', 'mallory'].map(subject => api.authx.listSessions(subject)))
  return { count: api.count(), cookies: api.cookies(), sessions }
}

const FROM_ELSEWHERE = [403, 'CSRFError']
const NO_TOKEN = [401, 'MissingTokenError']

const refusalOf = ({ status, errorType }: Handled) => [status, errorType]

/** Lets the page try a request in every way. Each is refused, as is every link and every socket. */
async function attack(set: Scene, page: string, getsCookies: boolean | undefined): Promise<void> {
  const { api, target, visitor } = set
  const evil = await visitor.newTab(page)
  for (const [way, send] of Object.entries(WAYS)) {
    for (const path of PATHS) {
      const handled = api.next(`POST ${path}`)
      await send(evil, `${target}${path}`, page)
      const answer = await handled
      const { withToken } = answer
      const expected = path === '/login' || withToken ? FROM_ELSEWHERE : NO_TOKEN
      assert.deepEqual(refusalOf(answer), expected, `${way} to ${path}, ${withToken ? 'with' : 'without'} a token`)
      // Frames in a sandbox and redirects are judged by what they come from.
      if (getsCookies !== undefined && !/sandbox|redirect/.test(way)) assert.equal(withToken, getsCookies, way)
      if (/^form(?! in)/.test(way)) await evil.goto(page)
    }
  }
  for (const path of ['/refresh', '/logout']) {
    const handled = api.next(`GET ${path}`)
    await evil.follow(url => location.assign(url), `${target}${path}`)
    const { status, withToken } = await handled
    assert.equal(status, withToken ? 403 : 401, `a link to ${path}`)
    await evil.goto(page)
  }
  for (const path of ['/socket', '/koa']) assert.equal(await told(evil, `${target}${path}`), 'refused', path)
}

/** What the visitor does: count up, refresh, open sockets, log out and in again, all without a CSRF value. */
async function useOwnPage({ api, own, target }: Scene): Promise<void> {
  const before = api.count()
  assert.equal(await submit(own, 'count'), `ada, ${before + 1}`)
  assert.equal(await submit(own, 'refresh'), `ada, ${before + 1}`)
  assert.equal(await post(own, `${target}/count`, { mode: 'same-origin' }), 200)
  assert.equal(api.count(), before + 2)
  for (const path of ['/socket', '/koa']) assert.equal(await told(own, `${target}${path}`), 'ada', path)
  assert.equal(await submit(own, 'logout'), `nobody, ${before + 2}`)
  assert.equal(api.cookies(), '')
  assert.equal(await submit(own, 'login'), `ada, ${before + 2}`)
}

const TRUSTED: readonly [who: string, place: Place, host: string, cookieSamesite: SameSite][] = [
  ['another port of localhost', LOCALHOST, 'localhost', 'strict'],
  ['a sibling subdomain', HTTPS, 'web.app.test', 'lax'],
  ['another site', HTTPS, 'friend.test', 'none'],
  ['a sibling subdomain over http', HTTP, 'web.app.test', 'lax'],
]

for (const browser of Object.keys(BROWSERS)) {
  describe(`${browser}, csrfCheck: 'origin'`, () => {
    for (const place of PLACES) {
      // Firefox takes its time.
      const sameSites = browser === 'Firefox' ? place.sameSites.slice(0, 1) : place.sameSites
      for (const cookieSamesite of sameSites) {
        for (const { who, host, tls = place.tls, gets } of place.attackers) {
          test(`${place.name}, SameSite=${cookieSamesite}: a page of ${who} changes nothing`, async t => {
            const set = await scene(t, browser, place, { cookieSamesite })
            const before = await situation(set)
            const page = (await stranger(t, tls))(host)
            await attack(set, page, gets?.includes(cookieSamesite))
            assert.deepEqual(await situation(set), before)
            await useOwnPage(set)
          })
        }
      }
    }

    for (const place of [LOCALHOST, HTTPS]) {
      test(`${place.name}: a page that sends no referrer logs in, works and logs out by forms`, async t => {
        await useOwnPage(await scene(t, browser, place, { referrerPolicy: 'no-referrer' }))
      })
    }

    test('http, a name: a form of a page that sends no referrer is refused, because nothing tells its origin', async t => {
      const { api, own, target } = await visit(t, browser, HTTP, { referrerPolicy: 'no-referrer' })
      const handled = api.next('POST /login')
      await submit(own, 'login')
      assert.deepEqual(refusalOf(await handled), FROM_ELSEWHERE)
      await own.goto(target)
      assert.equal(api.cookies(), '')
    })

    for (const [who, place, host, cookieSamesite] of TRUSTED) {
      test(`${place.name}: a page of ${who} that is trusted may do everything`, async t => {
        const page = (await stranger(t, place.tls))(host)
        const set = await scene(t, browser, place, { cookieSamesite, trustedOrigins: [page] })
        const { api, own, target, visitor } = set
        const friend = await visitor.newTab(page)
        for (const mode of ['no-cors', 'cors'] as const) await post(friend, `${target}/count`, { mode })
        assert.equal(await post(friend, `${target}/refresh`, { mode: 'cors' }), 200)
        for (const path of ['/socket', '/koa']) assert.equal(await told(friend, `${target}${path}`), 'ada', path)
        for (const path of ['/count', '/logout', '/login']) {
          await postForm(friend, `${target}${path}`)
          await friend.goto(page)
        }
        await own.goto(target)
        assert.equal(await own.evaluate(() => document.title, null), 'mallory, 3')
        assert.deepEqual(await api.authx.listSessions('ada'), [])
      })
    }

    test('https: of a trusted page that sends no referrer a form is refused, and fetch is served', async t => {
      const friend = (await stranger(t, true))('friend.test')
      const set = await scene(t, browser, HTTPS, { cookieSamesite: 'none', trustedOrigins: [friend] })
      const { api, target, visitor } = set
      for (const [policy, status, errorType] of [
        ['no-referrer', 403, 'CSRFError'],
        ['same-origin', 403, 'CSRFError'],
        ['strict-origin', 303, undefined],
      ] as const) {
        const tab = await visitor.newTab(`${friend}/?policy=${policy}`)
        assert.equal(await post(tab, `${target}/count`, { mode: 'cors' }), 200, policy)
        const handled = api.next('POST /count')
        await postForm(tab, `${target}/count`)
        assert.deepEqual(await handled, { line: 'POST /count', withToken: true, status, errorType }, policy)
      }
      assert.equal(api.count(), 4)
    })
  })
}
