import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { claimsOf } from '../examples/client.js'
import { Person, person, scene } from './scene.js'

const GONE = [401, 'SubjectNotFoundError']

describe('without an option of authRouter', () => {
  for (const getter of ['claims getter', 'subject getter'] as const) {
    const withGetter = async (t: TestContext, tokenLocation: 'cookies' | 'headers') => {
      const routes = await scene(t, { tokenLocation: [tokenLocation] })
      const users = new Map<string, object>([['test', {}]])
      const find = (sub: string) => users.get(sub)
      if (getter === 'claims getter') routes.authx.setClaimsGetter(find)
      else routes.authx.setSubjectGetter(find)
      return { routes, users }
    }

    test(`a deleted user cannot refresh, loses the cookies and the session, and cannot log in (${getter})`, async t => {
      const { routes, users } = await withGetter(t, 'cookies')
      const [one, other] = [await person(routes), await person(routes)]
      assert.equal((await one.refresh()).status, 200)
      const access = one.token('access')
      users.clear()
      const { status, json } = await one.refresh()
      assert.deepEqual([status, json.error_type], GONE)
      assert.deepEqual(one.cookies, [])
      await assert.rejects(routes.authx.verifyToken(access), { name: 'RevokedTokenError' })
      assert.equal(await other.access(), '200', 'another session ends at its own refresh')
      assert.equal((await other.refresh()).status, 401)
      const login = await new Person(routes).login()
      assert.deepEqual([login.status, login.json.error_type, login.cookies], [...GONE, []])
    })

    test(`a getter that fails is 503, and the same token is valid afterwards (${getter})`, async t => {
      const { routes } = await withGetter(t, 'headers')
      const one = await person(routes)
      const down = () => Promise.reject(new Error('the database is down'))
      if (getter === 'claims getter') routes.authx.setClaimsGetter(down)
      else routes.authx.setSubjectGetter(down)
      const { status, json } = await one.refresh()
      assert.deepEqual([status, json.error_type], [503, 'CallbackUnavailableError'])
      if (getter === 'claims getter') routes.authx.setClaimsGetter(() => ({}))
      else routes.authx.setSubjectGetter(() => ({}))
      assert.equal((await one.refresh()).status, 200)
    })
  }

  test('the routes for login and refresh give the claims of this moment', async t => {
    const routes = await scene(t, { tokenLocation: ['headers'] })
    let role = 'admin'
    routes.authx.setClaimsGetter(() => ({ data: { role } }))
    const one = await person(routes)
    assert.equal(claimsOf(one.token('access')).role, 'admin')
    role = 'reader'
    await one.refresh()
    assert.equal(claimsOf(one.token('access')).role, 'reader')
  })
})
