import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { AuthXOptions } from '../../src/index.js'
import { cookie } from '../support/app.js'
import { FORM_TYPE, JSON_TYPE, Person, person, scene } from './scene.js'

/** Where tokens travel, and what is in the body of a login then. */
const PLACES: Readonly<Record<string, readonly [options: AuthXOptions, body: string]>> = {
  headers: [{}, 'access_token refresh_token token_type expires_in'],
  cookies: [{ tokenLocation: ['cookies'] }, 'token_type expires_in'],
  'cookies, with the CSRF value in the body': [
    { tokenLocation: ['cookies'], csrfInCookies: false },
    'token_type expires_in csrf_token',
  ],
  'a header and a cookie': [
    { tokenLocation: { access: ['headers'], refresh: ['cookies'] } },
    'access_token token_type expires_in',
  ],
  'JSON bodies': [{ tokenLocation: ['json'] }, 'access_token refresh_token token_type expires_in'],
  'the query and JSON bodies': [
    { tokenLocation: { access: ['query'], refresh: ['json'] } },
    'access_token refresh_token token_type expires_in',
  ],
}

for (const [where, [options, members]] of Object.entries(PLACES)) {
  describe(`with tokens in ${where}`, () => {
    test('one logs in, refreshes and logs out', async t => {
      const one = new Person(await scene(t, options))
      const loggedIn = await one.login()
      assert.equal(loggedIn.status, 200)
      assert.deepEqual(Object.keys(loggedIn.json), members.split(' '))
      assert.equal(loggedIn.headers['cache-control'], 'no-store')
      assert.equal(await one.access(), '200')

      const former = one.token('refresh')
      const refreshed = await one.refresh()
      assert.equal(refreshed.status, 200)
      assert.deepEqual(Object.keys(refreshed.json), members.split(' '))
      assert.notEqual(one.token('refresh'), former)
      assert.equal(await one.access(), '200')

      const { status, text } = await one.logout()
      assert.deepEqual([status, text, one.cookies], [204, '', []])
    })

    test('what one has after a logout is refused', async t => {
      const here = await scene(t, options)
      const one = await person(here)
      const [access, refresh] = [one.token('access'), one.token('refresh')]
      assert.equal((await one.logout()).status, 204)
      for (const [token, type] of [
        [access, 'access'],
        [refresh, 'refresh'],
      ] as const) {
        await assert.rejects(here.authx.verifyToken(token, { type }), { name: 'RevokedTokenError' })
      }
    })

    test('one sees where one is logged in, ends a session, and all of them', async t => {
      const here = await scene(t, options)
      const [one, other, third] = [await person(here), await person(here), await person(here)]
      const listed = JSON.parse((await one.sessions()).text)
      assert.equal(listed.length, 3)
      const [elsewhere] = listed.filter(({ current }: { current: boolean }) => !current)
      assert.equal((await one.delete(`/sessions/${elsewhere.sid}`)).status, 204)
      assert.deepEqual(
        [await other.access(), await third.access()].sort(),
        ['200', '401 RevokedTokenError'],
        'one of the two is over',
      )
      assert.equal(await one.access(), '200')

      const refresh = one.token('refresh')
      assert.equal((await one.delete('/sessions')).status, 204)
      for (const each of [other, third]) assert.equal(await each.access(), '401 RevokedTokenError')
      await assert.rejects(here.authx.verifyToken(refresh, { type: 'refresh' }), { name: 'RevokedTokenError' })
    })

    test('nobody gets in without a token', async t => {
      const nobody = new Person(await scene(t, options))
      for (const [method, path, type] of [
        ['GET', '/sessions', 'access'],
        ['DELETE', '/sessions', 'access'],
        ['DELETE', '/sessions/none', 'access'],
        ['POST', '/logout', 'access'],
        ['POST', '/refresh', 'refresh'],
      ] as const) {
        assert.equal((await nobody.send(method, path, type)).status, 401, `${method} ${path}`)
      }
    })
  })
}

describe('with tokens in cookies', () => {
  const options: AuthXOptions = { tokenLocation: ['cookies'] }
  const WRITING = [
    ['POST', '/refresh'],
    ['POST', '/logout'],
    ['DELETE', '/sessions'],
    ['DELETE', '/sessions/none'],
  ] as const

  for (const [method, path] of WRITING) {
    test(`${method} ${path} asks for the CSRF value, and without it changes nothing`, async t => {
      const here = await scene(t, options)
      const one = await person(here)
      const pair = { access_token_cookie: one.token('access'), refresh_token_cookie: one.token('refresh') }
      for (const [headers, error] of [
        [[], 'MissingCSRFTokenError'],
        [[['X-CSRF-TOKEN', 'wrong']], 'CSRFError'],
      ] as const) {
        const { status, json } = await here.client({ method, path, headers: [cookie(pair), ...headers] })
        assert.deepEqual([status, json.error_type], [403, error])
      }
      assert.equal(await one.access(), '200')
      assert.equal((await one.refresh()).status, 200)
    })
  }

  test('the CSRF value may come as a form field, if that is configured', async t => {
    const here = await scene(t, { ...options, csrfCheckForm: true })
    const one = await person(here)
    const csrf = here.authx.getCsrfToken(one.token('access')) ?? ''
    const headers = [
      FORM_TYPE,
      cookie({ access_token_cookie: one.token('access'), refresh_token_cookie: one.token('refresh') }),
    ]
    const sent = { method: 'POST', path: '/logout', headers }
    assert.equal((await here.client({ ...sent, body: 'csrf_token=wrong' })).status, 403)
    assert.equal((await here.client({ ...sent, path: '/refresh', body: `csrf_token=${csrf}` })).status, 200)
    assert.equal((await here.client({ ...sent, body: `csrf_token=${csrf}` })).status, 204)
  })

  test('ending the own session clears the cookies, ending another leaves them', async t => {
    const here = await scene(t, options)
    const [one, other] = [await person(here), await person(here)]
    const sids = JSON.parse((await one.sessions()).text) as { sid: string; current: boolean }[]
    const sidOf = (current: boolean) => sids.find(session => session.current === current)?.sid
    assert.equal((await one.delete(`/sessions/${sidOf(false)}`)).cookies.length, 0)
    assert.equal(one.cookies.length, 4)
    assert.equal((await one.delete(`/sessions/${sidOf(true)}`)).status, 204)
    assert.deepEqual(one.cookies, [])
    await other.login()
    assert.equal((await other.delete('/sessions')).status, 204)
    assert.deepEqual(other.cookies, [])
  })
})

describe('with tokens that are in no cookie', () => {
  test('no cookie is set or cleared', async t => {
    const here = await scene(t)
    const one = new Person(here)
    const replies = [await one.login(), await one.refresh(), await one.sessions()]
    replies.push(await one.login(), await one.delete('/sessions'), await one.login())
    replies.push(await one.logout())
    for (const { status, cookies } of replies) assert.deepEqual([status < 300, cookies], [true, []])
  })

  test('a refresh cookie alone is cleared with its session', async t => {
    const here = await scene(t, { tokenLocation: { access: ['headers'], refresh: ['cookies'] } })
    const one = await person(here)
    assert.deepEqual([...one.cookies].sort(), ['csrf_refresh_token', 'refresh_token_cookie'])
    const { cookies } = await one.delete('/sessions')
    assert.equal(cookies.length, 2)
    assert.deepEqual(one.cookies, [])
  })
})

test('a token in a body of another type is not looked for', async t => {
  const here = await scene(t, { tokenLocation: ['json'] })
  const one = await person(here)
  const body = JSON.stringify({ refresh_token: one.token('refresh') })
  for (const type of ['text/plain', 'application/x-json', 'application/json-patch+json']) {
    const { status } = await here.client({
      method: 'POST',
      path: '/refresh',
      headers: [['Content-Type', type]],
      body,
    })
    assert.equal(status, 401, type)
  }
  assert.equal((await here.client({ method: 'POST', path: '/refresh', headers: [JSON_TYPE], body })).status, 200)
})
