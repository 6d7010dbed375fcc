import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import type { RequestListener } from 'node:http'
import { describe, type TestContext, test } from 'node:test'
import Koa from 'koa'
import { AuthX } from 'koa-authx'
import { MemoryTokenStore } from 'koa-authx/stores/memory'
import { TestClock } from 'koa-authx/testing'
import type { BrowserContext, Page } from 'playwright-core'
import { pageRouter } from '../../examples/passkey/page.js'
import { passkeyRouter } from '../../examples/passkey/routes.js'
import { TEST_SECRET } from '../support/app.js'
import { Authenticator } from './support/authenticator.js'
import { newTab, newVisitor } from './support/browser.js'
import { serveSite } from './support/site.js'

const PASSKEY = ['pop', 'user', 'mfa']

/** The example for `origin`, with a clock that can be put forward. `POST /login-as/<user>` logs in other users. */
function exampleFor(origin: string) {
  const clock = new TestClock()
  const options = { secretKey: TEST_SECRET, store: new MemoryTokenStore(), now: clock.now }
  const authx = new AuthX({ ...options, tokenLocation: ['cookies'] })
  const app = new Koa()
  app.silent = true
  /** Path and status of each POST, as `/login 200`. */
  const requests: string[] = []
  /** The newest body that a path has received. */
  const received = new Map<string, unknown>()
  app.use(async (ctx, next) => {
    let status: number | undefined
    try {
      await next()
    } catch (error) {
      status = (error as { status?: number }).status ?? 500
      throw error
    } finally {
      if (ctx.method === 'POST') requests.push(`${ctx.path} ${status ?? ctx.status}`)
      received.set(ctx.path, ctx.request.body)
    }
  })
  app.use(authx.middleware()).use(pageRouter().routes())
  app.use(passkeyRouter(authx, { name: 'A test', origin, rpID: 'localhost' }, clock.now).routes())
  app.use(async ctx => {
    const [, user] = /^\/login-as\/(\w+)$/.exec(ctx.path) ?? []
    if (user) ctx.body = await authx.login(ctx, user, { amr: ['pwd'] })
  })
  return { listener: app.callback(), authx, clock, requests, received }
}

async function serveExample(t: TestContext) {
  let listener: RequestListener = () => {}
  const forward: RequestListener = (request, response) => listener(request, response)
  const { origin } = await serveSite(t, forward)
  const example = exampleFor(origin)
  listener = example.listener
  /** From here on the server knows no users and no passkeys. */
  const loseData = () => {
    listener = exampleFor(origin).listener
  }
  /** The same server under another origin of this site. */
  const otherOrigin = async () => (await serveSite(t, forward)).origin
  return { ...example, origin, loseData, otherOrigin }
}

type Example = Awaited<ReturnType<typeof serveExample>>

/** A person with a browser and an authenticator. */
class Visitor {
  private constructor(
    readonly example: Example,
    readonly browser: BrowserContext,
    readonly tab: Page,
    readonly authenticator: Authenticator,
  ) {}

  static async of(t: TestContext, example: Example): Promise<Visitor> {
    const browser = await newVisitor(t)
    const tab = await newTab(browser, example.origin)
    return new Visitor(example, browser, tab, await Authenticator.of(tab))
  }

  /** Presses a button and returns what the page says then. */
  async press(button: string): Promise<string> {
    await this.tab.getByRole('button', { name: button, exact: true }).click()
    return String(await this.tab.locator('#status:not(:empty)').textContent())
  }

  async logIn(): Promise<void> {
    await this.tab.getByLabel('Password').fill('test')
    assert.equal(await this.press('Log in'), 'Logged in')
  }

  async register(): Promise<void> {
    assert.equal(await this.press('Register a passkey'), 'Registered a passkey')
  }

  async logOut(): Promise<void> {
    assert.equal(await this.press('Log out'), 'Logged out')
  }

  /** Sends a request as the page does. */
  post(path: string, body: unknown = {}): Promise<{ status: number; text: string }> {
    const send = async ([url, json]: readonly [string, string]) => {
      const csrf = /csrf_access_token=([^;]*)/.exec(document.cookie)?.[1] ?? ''
      const headers = { 'Content-Type': 'application/json', 'X-CSRF-TOKEN': csrf }
      const response = await fetch(url, { method: 'POST', headers, body: json })
      return { status: response.status, text: await response.text() }
    }
    return this.tab.evaluate(send, [path, JSON.stringify(body)] as const)
  }

  async claims() {
    const { access_token_cookie: token } = await this.cookies()
    return token === undefined ? undefined : this.example.authx.verifyToken(token)
  }

  async cookies(): Promise<Record<string, string>> {
    return Object.fromEntries((await this.browser.cookies()).map(({ name, value }) => [name, value]))
  }

  /** Changes the options that the page gets from the server. */
  async changeOptions(changes: object): Promise<void> {
    await this.tab.route('**/options', async route => {
      const response = await route.fetch()
      await route.fulfill({ response, json: { ...(await response.json()), ...changes } })
    })
  }
}

async function visitor(t: TestContext): Promise<Visitor> {
  return Visitor.of(t, await serveExample(t))
}

/** Somebody who has registered a passkey, and has logged out. */
async function owner(t: TestContext): Promise<Visitor> {
  const person = await visitor(t)
  await person.logIn()
  await person.register()
  await person.logOut()
  return person
}

const WITH_PASSKEY = 'Log in with a passkey'
const REFUSED = /^401: .*"InvalidCredentialsError"/
const NO_CHALLENGE = /^400: The challenge is used up or has expired/

/** The attestation with the flag UV cleared (WebAuthn §6.1). Nothing signs it: its format is `none`. */
function withoutUserVerification(attestation: string): string {
  const bytes = Buffer.from(attestation, 'base64url')
  const flagsAt = bytes.indexOf(createHash('sha256').update('localhost').digest()) + 32
  const flags = bytes.readUInt8(flagsAt)
  assert.equal(flags & 0b101, 0b101, 'the user was present and verified')
  bytes.writeUInt8(flags & ~0b100, flagsAt)
  return bytes.toString('base64url')
}

async function assertLoggedOut(person: Visitor): Promise<void> {
  assert.equal(await person.claims(), undefined)
}

async function assertHasNone(person: Visitor): Promise<void> {
  assert.equal((await person.post('/confirm/options')).status, 403)
  assert.deepEqual((await person.claims())?.amr, ['pwd'])
}

async function assertCanLogIn(person: Visitor): Promise<void> {
  assert.equal(await person.press(WITH_PASSKEY), 'Logged in with a passkey')
  assert.equal((await person.claims())?.sub, 'test')
}

describe('a passkey', () => {
  test('is registered after a login, and logs in alone; the token says when and how', async t => {
    const person = await visitor(t)
    const { clock } = person.example
    await person.logIn()
    assert.deepEqual((await person.claims())?.amr, ['pwd'])
    await person.register()
    await person.logOut()
    await assertLoggedOut(person)

    clock.advance('1h')
    assert.equal(await person.press(WITH_PASSKEY), 'Logged in with a passkey')
    const { sub, amr, auth_time } = (await person.claims()) ?? {}
    assert.deepEqual([sub, amr, auth_time], ['test', PASSKEY, Math.floor(clock.now() / 1000)])
    assert.equal(await person.press('Pay'), 'Paid')
    assert.deepEqual(person.example.requests.slice(-3), [
      '/login/passkey/options 200',
      '/login/passkey 200',
      '/payments 200',
    ])
  })

  test('is asked for again when a payment requires it, and when its time has passed', async t => {
    const person = await visitor(t)
    await person.logIn()
    await person.register()
    const before = { claims: await person.claims(), cookies: await person.cookies() }
    const asked = ['/payments 401', '/confirm/options 200', '/confirm 200', '/payments 200']
    assert.equal(await person.press('Pay'), 'Paid')
    assert.deepEqual(person.example.requests.slice(-4), asked, 'the login was with the password')
    assert.equal(await person.press('Pay'), 'Paid')
    assert.deepEqual(person.example.requests.slice(-2), ['/payments 200', '/payments 200'])

    person.example.clock.advance('6m')
    const refused = person.tab.waitForResponse(response => response.status() === 401)
    assert.equal(await person.press('Pay'), 'Paid')
    assert.match((await (await refused).headerValue('WWW-Authenticate')) ?? '', /max_age="300"/)
    assert.deepEqual(person.example.requests.slice(-4), asked)
    const after = await person.claims()
    assert.deepEqual([after?.sid, after?.amr], [before.claims?.sid, ['pwd', ...PASSKEY]])
    assert.equal(Number(after?.auth_time) - Number(before.claims?.auth_time), 6 * 60)
    assert.equal((await person.cookies()).refresh_token_cookie, before.cookies.refresh_token_cookie)
  })

  test('is required before another one is added, and is not registered twice', async t => {
    const person = await owner(t)
    await person.logIn()
    assert.equal((await person.post('/passkeys/options')).status, 401, 'the password is not enough')
    assert.match(await person.press('Register a passkey'), /previously registered/)
    assert.deepEqual(person.example.requests.slice(-4), [
      '/passkeys/options 401',
      '/confirm/options 200',
      '/confirm 200',
      '/passkeys/options 200',
    ])
    assert.equal((await person.authenticator.passkeys()).length, 1)
  })

  test('is not registered if it was made for another origin', async t => {
    const person = await visitor(t)
    await person.tab.goto(await person.example.otherOrigin())
    await person.logIn()
    assert.equal(await person.press('Register a passkey'), '400: The passkey was not accepted')
    await assertHasNone(person)
  })

  test('is not registered if the device did not check who uses it', async t => {
    const person = await visitor(t)
    await person.logIn()
    await person.tab.route('**/passkeys', async route => {
      const body = route.request().postDataJSON()
      body.response.attestationObject = withoutUserVerification(body.response.attestationObject)
      await route.continue({ postData: JSON.stringify(body) })
    })
    assert.equal(await person.press('Register a passkey'), '400: The passkey was not accepted')
    await assertHasNone(person)
  })
})

describe('a login with a passkey is refused', () => {
  test('if it was signed for another origin', async t => {
    const person = await owner(t)
    await person.tab.goto(await person.example.otherOrigin())
    assert.match(await person.press(WITH_PASSKEY), REFUSED)
    await assertLoggedOut(person)
    await person.tab.goto(person.example.origin)
    await assertCanLogIn(person)
  })

  test('if it is sent again, with or without a new challenge', async t => {
    const person = await owner(t)
    await assertCanLogIn(person)
    const copy = person.example.received.get('/login/passkey')
    await person.logOut()
    assert.match((await person.post('/login/passkey', copy)).text, /used up/)
    assert.equal((await person.post('/login/passkey/options')).status, 200)
    assert.equal((await person.post('/login/passkey', copy)).status, 401)
    await assertLoggedOut(person)
    await assertCanLogIn(person)
  })

  test('if the server does not know the passkey', async t => {
    const person = await owner(t)
    person.example.loseData()
    assert.match(await person.press(WITH_PASSKEY), REFUSED)
    await assertLoggedOut(person)
  })

  test('if the device did not check who uses it', async t => {
    const person = await owner(t)
    await person.authenticator.forgetPin()
    await person.changeOptions({ userVerification: 'discouraged' })
    assert.match(await person.press(WITH_PASSKEY), REFUSED)
    await assertLoggedOut(person)
  })

  test('if its counter shows a copied key', async t => {
    const person = await owner(t)
    const [copy] = await person.authenticator.passkeys()
    await assertCanLogIn(person)
    const [original] = await person.authenticator.passkeys()
    await person.logOut()
    await person.authenticator.change({ signCount: Number(copy?.signCount) })
    assert.match(await person.press(WITH_PASSKEY), REFUSED)
    await assertLoggedOut(person)
    await person.authenticator.change({ signCount: Number(original?.signCount) })
    await assertCanLogIn(person)
  })

  test('if it names another user', async t => {
    const person = await owner(t)
    await person.authenticator.change({ userHandle: Buffer.from('someone else').toString('base64') })
    assert.match(await person.press(WITH_PASSKEY), REFUSED)
    await assertLoggedOut(person)
  })

  test('if its challenge has expired', async t => {
    const person = await owner(t)
    await person.tab.route('**/login/passkey', async route => {
      person.example.clock.advance('5m')
      await route.continue()
    })
    assert.match(await person.press(WITH_PASSKEY), NO_CHALLENGE)
    await assertLoggedOut(person)
    await person.tab.unroute('**/login/passkey')
    await assertCanLogIn(person)
  })

  test('if another browser asked for its challenge, which stays valid there', async t => {
    const person = await owner(t)
    const thief = await Visitor.of(t, person.example)
    let stolen: unknown
    await person.tab.route('**/login/passkey', async route => {
      stolen = route.request().postDataJSON()
      await route.abort()
    })
    await person.press(WITH_PASSKEY)
    assert.match((await thief.post('/login/passkey', stolen)).text, /used up/)
    await thief.post('/login/passkey/options')
    assert.equal((await thief.post('/login/passkey', stolen)).status, 401)
    await assertLoggedOut(thief)
    await person.tab.unroute('**/login/passkey')
    assert.equal((await person.post('/login/passkey', stolen)).status, 200)
  })
})

describe('a step-up is refused', () => {
  test('with the passkey of another user', async t => {
    const person = await visitor(t)
    await person.post('/login-as/eve')
    await person.register()
    const { id } = person.example.received.get('/passkeys') as { id: string }
    await person.logIn()
    await person.register()
    await person.changeOptions({ allowCredentials: [{ id, type: 'public-key' }] })
    assert.match(await person.press('Pay'), REFUSED)
    const { sub, amr } = (await person.claims()) ?? {}
    assert.deepEqual([sub, amr], ['test', ['pwd']])
  })

  test('with a challenge of a login, or of a former session', async t => {
    const person = await owner(t)
    await person.logIn()
    for (const path of ['/login/passkey/options', '/confirm/options']) {
      const { text } = await person.post(path)
      if (path === '/confirm/options') await person.logIn()
      const signed = await person.tab.evaluate(
        optionsJSON => window.SimpleWebAuthnBrowser.startAuthentication({ optionsJSON }),
        JSON.parse(text),
      )
      assert.match((await person.post('/confirm', signed)).text, /used up/)
    }
    assert.deepEqual((await person.claims())?.amr, ['pwd'])
  })
})

declare global {
  interface Window {
    SimpleWebAuthnBrowser: typeof import('@simplewebauthn/browser')
  }
}
