import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { verdict } from '../flows/api.js'
import type { Reply, Sent } from '../support/app.js'
import { Browser } from '../support/cookie-browser.js'
import { FORM_TYPE, JSON_TYPE, scene } from './scene.js'

interface Visit {
  readonly method?: string
  /** The cookie whose value goes into the CSRF header; `null`: none. */
  readonly csrf?: string | null
  readonly headers?: Sent['headers']
  readonly body?: string
}

/** A browser in which ada is logged in with cookies, and what happens to sessions from now on. */
async function loggedIn(t: TestContext) {
  const { authx, client } = await scene(t, { tokenLocation: ['cookies'] })
  const browser = new Browser('127.0.0.1')
  const told: string[] = []
  authx.on('revoked', ({ sub, replaced }) => told.push(`revoked ${sub}${replaced ? ' replaced' : ''}`))
  /** A request with the cookies of now, which the server gets when the result is called. */
  const prepare = (path: string, { method = 'POST', csrf = 'csrf_refresh_token', headers = [], body }: Visit = {}) => {
    const sent = [...browser.headersFor(path, csrf ?? undefined), ...headers]
    return async (): Promise<Reply> => {
      const reply = await client({ method, path, headers: sent, ...(body !== undefined && { body }) })
      browser.take(reply.cookies, path)
      return reply
    }
  }
  const login = (username: string, visit: Visit = {}) =>
    prepare('/login', { headers: [JSON_TYPE], body: JSON.stringify({ username, password: 'test' }), ...visit })()
  assert.equal((await login('ada')).status, 200)
  return {
    prepare,
    login,
    told,
    page: () => prepare('/', { method: 'GET' })(),
    sessionsOf: async (sub: string) => (await authx.listSessions(sub)).length,
  }
}

describe('POST /login of authRouter', () => {
  for (const sub of ['ada', 'bob']) {
    test(`ends the session whose cookies it replaces, of ${sub === 'ada' ? 'the same' : 'another'} subject`, async t => {
      const { prepare, login, told, page, sessionsOf } = await loggedIn(t)
      const [access, refresh] = [prepare('/', { method: 'GET' }), prepare('/refresh')]
      assert.equal((await login(sub)).status, 200)
      assert.deepEqual(told, ['revoked ada replaced'])
      assert.equal((await page()).status, 200)
      assert.deepEqual(verdict(await access()), [401, 'RevokedTokenError'])
      assert.deepEqual(verdict(await refresh()), [401, 'RevokedTokenError'])
      assert.deepEqual([await sessionsOf('ada'), await sessionsOf(sub)], sub === 'ada' ? [1, 1] : [0, 1])
    })
  }

  test('leaves a session alone if the request has not its CSRF value', async t => {
    const { prepare, login, told } = await loggedIn(t)
    const ada = prepare('/', { method: 'GET' })
    assert.equal((await login('bob', { csrf: null })).status, 200)
    assert.equal((await ada()).status, 200)
    assert.deepEqual(told, [])
  })

  test('leaves a session alone, and its cookies, if the password is wrong', async t => {
    const { login, told, page } = await loggedIn(t)
    const reply = await login('bob', { body: JSON.stringify({ username: 'bob', password: 'wrong' }) })
    assert.deepEqual([verdict(reply), reply.cookies], [[401, 'InvalidCredentialsError'], []])
    assert.equal((await page()).status, 200)
    assert.deepEqual(told, [])
  })

  test('refuses a form of another site: it ends no session and opens none', async t => {
    const { login, told, page, sessionsOf } = await loggedIn(t)
    const headers = [FORM_TYPE, ['Sec-Fetch-Site', 'cross-site'], ['Origin', 'https://evil.example']] as const
    const reply = await login('eve', { csrf: null, headers, body: 'username=eve&password=test' })
    assert.deepEqual([verdict(reply), reply.cookies], [[403, 'CSRFError'], []])
    assert.equal((await page()).status, 200)
    assert.deepEqual([told, await sessionsOf('eve')], [[], 0])
  })
})
