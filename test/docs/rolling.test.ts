import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { OPTIONS } from '../../src/config/table.js'
import type { AuthX, AuthXOptions } from '../../src/index.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { COOKIE_EFFECTS } from '../config/effects/cookies.js'
import type { Effect } from '../config/effects/effect.js'
import { IMPLICIT_REFRESH_EFFECTS } from '../config/effects/implicit-refresh.js'
import { LOCATION_EFFECTS } from '../config/effects/locations.js'
import { SESSION_EFFECTS } from '../config/effects/sessions.js'
import { TOKEN_EFFECTS } from '../config/effects/tokens.js'
import { bearer, makeAuthX, TEST_NOW } from '../support/app.js'
import { readPage } from '../support/markdown.js'
import { type Page, server, Visitor } from '../support/page-visitor.js'
import { refreshing } from '../support/refresh.js'
import {
  ASKED,
  ATTRIBUTES,
  CASES,
  COOKIES,
  GOOD,
  NO_VALUE,
  OF_FORMS,
  OF_PAGES,
  PROTECTED,
  SCOPES,
  STEPS,
  TRIED_OTHERWISE,
} from './rolling-cases.js'

/** What the page about deploying says of servers with different options that run side by side. */
const [, SECTION = ''] = /^## Rolling deployments$(.*?)^## /ms.exec(readPage('docs/deploying.md')) ?? []
const NAMED = [...SECTION.matchAll(/^\| (`.*?) \| /gm)].flatMap(([, cell = '']) =>
  [...cell.matchAll(/`(\w+)`/g)].map(([, name = '']) => name),
)

/** What the server `then` answers, in turn, to somebody who has logged in at the server `first`. */
async function answer(t: TestContext, first: AuthXOptions, then: AuthXOptions, page: Page = { of: first }) {
  const visitor = new Visitor(page)
  assert.equal(await visitor.ask(await server(t, first), 'POST /api/login'), 200)
  const send = await server(t, then)
  const got: (string | number)[] = []
  for (const line of ASKED) got.push(await visitor.ask(send, line))
  return got.every(each => typeof each === 'number') ? GOOD : got.join(', ')
}

/** The same options with one store, unless they have another on purpose. */
function together(options: readonly AuthXOptions[]): AuthXOptions[] {
  const store = new MemoryTokenStore()
  return options.map(each => ({ store, ...each }))
}

describe('servers with different options that run side by side, as the page about deploying says', () => {
  for (const [what, { former, changed, page, answers }] of Object.entries(CASES)) {
    test(`accept each other's logins or not: ${what}`, async t => {
      const [one = {}, other = {}] = together([former, changed])
      const got = [await answer(t, one, other, page?.(one, other)), await answer(t, other, one, page?.(other, one))]
      assert.deepEqual(got, answers)
    })
  }
})
describe('a name that pages use is changed without a refusal while the headers of the browser decide', () => {
  for (const [name, change] of Object.entries({ ...OF_PAGES, ...OF_FORMS })) {
    test(`${name}: first csrfCheck: 'origin', then the change, then 'token' again`, async t => {
      const base = { ...COOKIES, csrfCheckForm: name in OF_FORMS }
      const pageOf = (of: AuthXOptions): Page => ({ of, csrf: name in OF_FORMS ? 'field' : 'header' })
      const [former = {}, ...steps] = together([
        base,
        { ...base, csrfCheck: 'origin' },
        { ...base, ...change, csrfCheck: 'origin' },
        { ...base, ...change },
      ])
      const changed = steps.at(-1) ?? {}
      // The page has the names of the other version than the login.
      const direct = await Promise.all([
        answer(t, former, changed, pageOf(former)),
        answer(t, former, changed, pageOf(changed)),
        answer(t, changed, former, pageOf(former)),
        answer(t, changed, former, pageOf(changed)),
      ])
      assert.ok(
        direct.some(each => each.includes(NO_VALUE)),
        'without the steps there are refusals',
      )
      const [first = {}, second = {}] = steps
      for (const [one, other] of [
        [former, first],
        [first, second],
      ] as const)
        for (const page of [pageOf(one), pageOf(other)])
          assert.deepEqual([await answer(t, one, other, page), await answer(t, other, one, page)], [GOOD, GOOD])
      // No page of the former version is open any more.
      for (const [one, other] of [
        [second, changed],
        [changed, second],
      ] as const)
        assert.equal(await answer(t, one, other, pageOf(changed)), GOOD)
    })
  }
})

describe('options are changed in steps in which every login is accepted everywhere', () => {
  for (const [name, steps] of Object.entries(STEPS)) {
    test(`${name}: ${steps.length - 1}`, async t => {
      const all = together(steps)
      for (const [n, next] of all.slice(1).entries()) {
        const step = all[n] ?? {}
        assert.deepEqual([await answer(t, step, next), await answer(t, next, step)], [GOOD, GOOD], `step ${n + 1}`)
      }
    })
  }

  test('identityClaim: as the page writes it', () => {
    assert.match(SECTION, /`adoptClaims: \(\{ uid, \.\.\.claims \}\) => \(\{ sub: uid, \.\.\.claims \}\)`/)
    assert.match(SECTION, /`adoptClaims: claims => \(\{ uid: claims\.sub, \.\.\.claims \}\)`/)
  })
})

describe('a browser that reaches the former and the new servers in turn stays logged in', () => {
  for (const [name, change] of Object.entries(SCOPES)) {
    test(`while ${name} changes`, async t => {
      const [former = {}, changed = {}] = together([COOKIES, { ...COOKIES, ...change }])
      const servers = [await server(t, former), await server(t, changed)] as const
      for (const start of [0, 1] as const) {
        const visitor = new Visitor({ of: former })
        assert.equal(await visitor.ask(servers[start], 'POST /api/login'), 200)
        for (let turn = 1; turn < 6; turn++) {
          const send = servers[(start + turn) % 2 === 0 ? 0 : 1]
          for (const line of [...PROTECTED, 'POST /api/refresh', ...PROTECTED])
            assert.equal(await visitor.ask(send, line), 200, `${turn}: ${line}`)
        }
        assert.equal(await visitor.ask(servers[start], 'POST /api/logout'), 204)
      }
    })
  }
})

describe('while servers differ', () => {
  for (const [name, [change, attribute]] of Object.entries(ATTRIBUTES)) {
    test(`the next refresh at a new server changes the cookies: ${name}`, async t => {
      const [former = {}, changed = {}] = together([COOKIES, { ...COOKIES, ...change }])
      const lines: string[] = []
      const visitor = new Visitor({ of: former })
      for (const [options, line] of [
        [former, 'POST /api/login'],
        [changed, 'POST /api/refresh'],
        [former, 'POST /api/refresh'],
      ] as const) {
        const send = await server(t, options)
        const reply = await visitor.ask(async sent => {
          const got = await send(sent)
          lines.push(got.cookies.find(each => each.startsWith('refresh_token_cookie=')) ?? '')
          return got
        }, line)
        assert.equal(reply, 200)
      }
      assert.deepEqual(
        lines.map(line => attribute.test(line)),
        [false, true, false],
      )
    })
  }

  test('the one that gets a used refresh token decides by its own refreshGracePeriod', async t => {
    const [lenient = {}, strict = {}] = together([{}, { refreshGracePeriod: 0 }])
    const [one, other] = [makeAuthX(lenient), makeAuthX(strict)]
    assert.deepEqual(await usedTwice(t, one, other), [200, 401])
    assert.deepEqual(await usedTwice(t, other, one), [200, 200])
  })

  test('the one that gets a used refresh token later decides by its own refreshRecovery', async t => {
    const clock = { time: TEST_NOW }
    const now = () => clock.time
    const [recovers = {}, strict = {}] = together([{ now }, { now, refreshRecovery: 0 }])
    const [one, other] = [makeAuthX(recovers), makeAuthX(strict)]
    const later = () => {
      clock.time += 60_000
    }
    assert.deepEqual(await usedTwice(t, one, other, later), [200, 401])
    assert.deepEqual(await usedTwice(t, other, one, later), [200, 200])
  })

  test('logins at servers without maxSessions are not limited, and count at the next login at one with it', async () => {
    const [former, limited] = together([{}, { maxSessions: 2 }]).map(each => makeAuthX(each))
    for (let n = 0; n < 3; n++) await former?.createTokenPair('ada')
    assert.equal((await former?.listSessions('ada'))?.length, 3)
    await limited?.createTokenPair('ada')
    assert.equal((await limited?.listSessions('ada'))?.length, 2)
  })

  test('one without accessTokenRevocation accepts ended access tokens', async t => {
    const [former = {}, changed = {}] = together([{ accessTokenRevocation: false }, {}])
    const { access_token } = await makeAuthX(former).createTokenPair('ada')
    await makeAuthX(changed).revoke(access_token)
    const status = async (options: AuthXOptions) =>
      (await (await server(t, options))({ path: '/api/protected', headers: [bearer(access_token)] })).status
    assert.deepEqual([await status(former), await status(changed)], [200, 401])
  })
})

const withoutStore = ({ store, ...options }: AuthXOptions = {}) => options

/** The statuses of a refresh at one server, and of a second one with the same token at another. */
async function usedTwice(t: TestContext, one: AuthX, other: AuthX, between = () => {}): Promise<number[]> {
  const { refresh_token } = await one.createTokenPair('ada')
  const first = await (await refreshing(t, one))(refresh_token)
  between()
  return [first.status, (await (await refreshing(t, other))(refresh_token)).status]
}

const EFFECTS: Readonly<Record<string, Pick<Effect, 'base' | 'given'>>> = {
  ...TOKEN_EFFECTS,
  ...LOCATION_EFFECTS,
  ...COOKIE_EFFECTS,
  ...SESSION_EFFECTS,
  ...IMPLICIT_REFRESH_EFFECTS,
  // One millisecond may be too short for a busy machine.
  storeTimeout: { given: { storeTimeout: 20_000 } },
  callbackTimeout: { given: { callbackTimeout: '1m' } },
}

describe('the table of the page', () => {
  test('names options, each once, and every one is tried here', () => {
    assert.deepEqual(
      NAMED.filter((name, n) => !(name in OPTIONS) || NAMED.indexOf(name) !== n),
      [],
    )
    const tried = [CASES, OF_PAGES, OF_FORMS, SCOPES, ATTRIBUTES, TRIED_OTHERWISE].flatMap(Object.keys)
    const keys = tried.map(what => what.split(',')[0])
    assert.deepEqual(
      NAMED.filter(name => !keys.includes(name)),
      [],
    )
  })

  for (const name of Object.keys(OPTIONS).filter(each => !NAMED.includes(each))) {
    test(`does not need ${name}: logins of servers with and without it are accepted by both`, async t => {
      const effect = EFFECTS[name]
      assert.ok(effect)
      const [former = {}, changed = {}] = together([effect.base, { ...effect.base, ...effect.given }].map(withoutStore))
      assert.deepEqual([await answer(t, former, changed), await answer(t, changed, former)], [GOOD, GOOD])
    })
  }
})
