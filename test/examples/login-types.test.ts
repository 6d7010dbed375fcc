import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { audit } from 'koa-authx'
import { Client } from './client.js'

process.env.PORT = '0'
const { app, server } = await import('../../examples/login-types.js')
const client = await Client.of(server)

const login = async (type: 'user' | 'admin') =>
  (await client.post(`/${type}/login`, { json: { username: 'test', password: 'test' } })).body

const outcome = async (path: string, token: unknown) => {
  const { status, body } = await client.get(path, { token })
  return body.error_type ?? status
}

describe('examples/login-types.ts', () => {
  after(() => server.close())

  test('guards what is below /admin for administrators, and all but the way in and out', () => {
    const { routes, unprotected, unsafe } = audit(app)
    const open = ['login', 'refresh', 'logout']
    assert.deepEqual(unprotected, [
      ...open.map(each => `POST /user/${each}`),
      ...open.map(each => `POST /admin/${each}`),
    ])
    assert.deepEqual(unsafe, [])
    const guards = (start: string) => routes.filter(({ path }) => path.startsWith(start)).flatMap(each => each.guards)
    assert.deepEqual(guards('/user/'), ['user: accessTokenRequired'])
    assert.deepEqual(guards('/admin/'), ['admin: accessTokenRequired', 'admin: freshTokenRequired'])
  })

  test('each type of login opens its own routes only, in every spelling', async () => {
    const [user, admin] = [await login('user'), await login('admin')]
    assert.deepEqual([user.expires_in, admin.expires_in], [900, 300])
    for (const spell of [(path: string) => path, (path: string) => `${path}/`, (path: string) => path.toUpperCase()]) {
      assert.equal(await outcome(spell('/user/protected'), user.access_token), 200)
      assert.equal(await outcome(spell('/admin/protected'), admin.access_token), 200)
      assert.equal(await outcome(spell('/admin/protected'), user.access_token), 'LoginTypeMismatchError')
      assert.equal(await outcome(spell('/user/protected'), admin.access_token), 'LoginTypeMismatchError')
    }
  })

  test('a logout of users by an administrator leaves the administrator in', async () => {
    const [user, admin] = [await login('user'), await login('admin')]
    const path = '/admin/users/test/logout'
    assert.equal((await client.post(path, { token: user.access_token })).body.error_type, 'LoginTypeMismatchError')
    assert.equal((await client.post(path, { token: admin.access_token })).status, 204)
    assert.equal(await outcome('/user/protected', user.access_token), 'RevokedTokenError')
    assert.equal(await outcome('/admin/protected', admin.access_token), 200)
  })

  test('refresh and logout take tokens of their own type', async () => {
    const { access_token, refresh_token } = await login('user')
    const post = async (path: string, token: unknown) => (await client.post(path, { token })).status
    assert.equal(await post('/admin/refresh', refresh_token), 401)
    assert.equal(await post('/admin/logout', access_token), 401)
    assert.equal(await post('/user/refresh', refresh_token), 200)
    assert.equal(await post('/user/logout', access_token), 204)
    assert.equal(await outcome('/user/protected', access_token), 'RevokedTokenError')
  })
})
