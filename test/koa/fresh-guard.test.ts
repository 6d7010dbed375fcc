import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import Router from '@koa/router'
import type Koa from 'koa'
import { AuthManager, audit, type FreshGuardOptions } from '../../src/index.js'
import { makeToken } from '../../src/testing/index.js'
import { appOf, bearer, makeAuthX, serve, TEST_NOW } from '../support/app.js'

const NOW = TEST_NOW / 1000
const authx = makeAuthX({ now: () => TEST_NOW })
const CHALLENGE = 'Bearer realm="authx", error="insufficient_user_authentication"'

const within = { within: '5m' }
const otp = { amr: ['otp'] }
const both = { within: 300, amr: ['pwd', 'otp'] }

/** What a guard with the options says about an access token with the claims. */
const TABLE: readonly [what: string, options: FreshGuardOptions, claims: Record<string, unknown>, status: number][] = [
  ['credentials just now', within, { auth_time: NOW }, 200],
  ['credentials as long ago as is allowed', within, { auth_time: NOW - 300 }, 200],
  ['credentials a second earlier', within, { auth_time: NOW - 301 }, 401],
  ['credentials by a clock that is ahead', within, { auth_time: NOW + 20 }, 200],
  ['credentials far in the future', within, { auth_time: NOW + 301 }, 401],
  ['no time of credentials', within, {}, 401],
  ['no time of credentials in a fresh token', within, { fresh: true }, 401],
  ['credentials just now in a token that is not fresh', within, { auth_time: NOW, fresh: false }, 200],
  ['the method', otp, { amr: ['pwd', 'otp'] }, 200],
  ['the method, long ago', otp, { amr: ['otp'], auth_time: NOW - 86_400 }, 200],
  ['another method', otp, { amr: ['pwd'], auth_time: NOW }, 401],
  ['the method in other letters', otp, { amr: ['OTP'], auth_time: NOW }, 401],
  ['no method in a fresh token', otp, { auth_time: NOW, fresh: true }, 401],
  ['all methods in time', both, { amr: ['otp', 'hwk', 'pwd'], auth_time: NOW - 10 }, 200],
  ['one of two methods', both, { amr: ['pwd'], auth_time: NOW }, 401],
  ['all methods, too long ago', both, { amr: ['pwd', 'otp'], auth_time: NOW - 301 }, 401],
  ['neither asked, fresh', { within: undefined, amr: undefined }, { fresh: true }, 200],
  ['neither asked, not fresh', { within: undefined, amr: undefined }, { auth_time: NOW, amr: ['otp'] }, 401],
]

const answer: Koa.Middleware = ctx => {
  ctx.body = 'in'
}

describe('freshTokenRequired with within and amr judges by auth_time and amr alone', () => {
  for (const [what, options, claims, status] of TABLE) {
    test(`${what}: ${status}`, async t => {
      const send = await serve(t, appOf(authx.middleware(), authx.freshTokenRequired(options), answer))
      const reply = await send({ headers: [bearer(makeToken(authx, claims))] })
      assert.equal(reply.status, status)
      if (status === 401) assert.equal(reply.json.error_type, 'FreshTokenRequiredError')
    })
  }
})

describe('freshTokenRequired', () => {
  test('tells the allowed age of the credentials in whole seconds, where there is one', async t => {
    const CHALLENGES = [
      [within, `${CHALLENGE}, max_age="300"`],
      [{ ...otp, within: '1m30s' }, `${CHALLENGE}, max_age="90"`],
      [{ within: 0.5 }, `${CHALLENGE}, max_age="0"`],
      [otp, CHALLENGE],
      [{}, CHALLENGE],
    ] as const
    for (const [options, challenge] of CHALLENGES) {
      const send = await serve(t, appOf(authx.middleware(), authx.freshTokenRequired(options)))
      const { status, headers } = await send({ headers: [bearer(makeToken(authx, { auth_time: NOW - 400 }))] })
      assert.deepEqual([status, headers['www-authenticate']], [401, challenge])
    }
  })

  test('takes the other options of guards too', async t => {
    const guard = authx.freshTokenRequired({ ...within, optional: true, locations: ['query'] })
    const send = await serve(t, appOf(authx.middleware(), guard, answer))
    const old = makeToken(authx, { auth_time: NOW - 400 })
    assert.equal((await send()).status, 200)
    assert.equal((await send({ headers: [bearer(old)] })).status, 200)
    assert.equal((await send({ path: `/?token=${old}` })).status, 401)
  })

  test('keeps the methods that it was made with', async t => {
    const amr = ['otp']
    const guard = authx.freshTokenRequired({ amr })
    amr.pop()
    const send = await serve(t, appOf(authx.middleware(), guard))
    assert.equal((await send({ headers: [bearer(makeToken(authx, {}))] })).status, 401)
  })

  test('refuses wrong options when it is made, naming the option', () => {
    const WRONG: readonly [name: string, values: readonly unknown[]][] = [
      ['within', [0, -1, '0s', 'soon', '', null, Number.NaN, Number.POSITIVE_INFINITY, ['5m'], {}, true]],
      ['amr', [[], 'otp', [''], [5], ['otp', undefined], ['\ud800'], null, {}, 1]],
    ]
    for (const [name, values] of WRONG) {
      for (const value of values) {
        const make = () => authx.freshTokenRequired({ [name]: value } as object)
        assert.throws(make, { name: 'TypeError', message: new RegExp(`^${name} must be `) })
      }
      assert.throws(() => authx.accessTokenRequired({ [name]: '5m' } as object), TypeError)
    }
    assert.throws(() => authx.freshTokenRequired({ withn: '5m' } as object), { name: 'TypeError', message: /withn/ })
  })

  test('of a manager takes them, and audit shows them', async t => {
    const admin = makeAuthX({ loginType: 'admin', now: () => TEST_NOW })
    const manager = new AuthManager({ admin })
    const router = new Router()
    router.get('/', manager.freshTokenRequired('admin', both), answer)
    router.get('/own', admin.freshTokenRequired({ within: '5m', locations: ['headers', 'cookies'] }), () => {})
    const app = appOf(manager.middleware()).use(router.routes())
    assert.deepEqual(
      audit(app).routes.flatMap(({ guards }) => guards),
      [
        'admin: freshTokenRequired(within: 300, amr: pwd and otp)',
        'admin: freshTokenRequired(within: 5m, locations: headers or cookies)',
      ],
    )
    const send = await serve(t, app)
    const status = async (claims: Record<string, unknown>) =>
      (await send({ headers: [bearer(makeToken(admin, { login_type: 'admin', ...claims }))] })).status
    assert.equal(await status({ auth_time: NOW, amr: ['pwd', 'otp'] }), 200)
    assert.equal(await status({ auth_time: NOW, amr: ['pwd'] }), 401)
  })
})
