import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, beforeEach, describe, mock, test } from 'node:test'
import { audit } from 'koa-authx'
import { blocksOf, readPage } from '../support/markdown.js'
import { until } from '../support/until.js'
import { Client, claimsOf } from './client.js'
import { root } from './programs.js'

process.env.PORT = '0'
const { app, server, users } = await import('../../examples/roles-and-deletion.js')

/** A login that keeps its newest tokens. */
class Login {
  readonly #client: Client
  #access: unknown
  #refresh: unknown

  constructor(client: Client, tokens: Record<string, unknown>) {
    this.#client = client
    this.#keep(tokens)
  }

  static async of(username: string, password = 'test'): Promise<Login> {
    const client = await Client.of(server)
    const { status, body } = await client.login({ username, password })
    assert.equal(status, 200, String(body.message))
    return new Login(client, body)
  }

  #keep({ access_token, refresh_token }: Record<string, unknown>) {
    this.#access = access_token
    this.#refresh = refresh_token
  }

  get claims() {
    return claimsOf(this.#access)
  }

  /** 200, or the status and name of the error. */
  async refresh(): Promise<unknown> {
    const { status, body } = await this.#client.post('/refresh', { token: this.#refresh })
    if (status !== 200) return [status, body.error_type]
    this.#keep(body)
    return status
  }

  me = async () => (await this.#client.get('/me', { token: this.#access })).body
  status = async () => (await this.#client.get('/me', { token: this.#access })).status
  put = (path: string, json?: object) => this.#client.put(path, { token: this.#access, json })
  post = (path: string) => this.#client.post(path, { token: this.#access })
  delete = (path: string) => this.#client.delete(path, { token: this.#access })
}

const SUSPENDED = 403
const GONE = [401, 'SubjectNotFoundError']
const REVOKED = [401, 'RevokedTokenError']

beforeEach(() => {
  users.set('admin', { password: 'test', role: 'admin' }).set('test', { password: 'test', role: 'reader' })
})
after(() => server.close())

describe('examples/roles-and-deletion.ts', () => {
  test('guards all but login and refresh', () => {
    assert.deepEqual(audit(app).unprotected, ['POST /login', 'POST /refresh'])
    assert.deepEqual(audit(app).unsafe, [])
  })

  test('a role that is given or taken away changes the tokens at the next refresh, and not before', async () => {
    const [admin, user] = [await Login.of('admin'), await Login.of('test')]
    assert.equal((await admin.put('/users/test/role', { role: 'editor' })).status, 204)
    assert.deepEqual((await user.me()).scopes, ['notes:read'])
    assert.equal(await user.refresh(), 200)
    assert.deepEqual(await user.me(), { sub: 'test', role: 'editor', scopes: ['notes:*'] })
    await admin.put('/users/test/role', { role: 'reader' })
    assert.equal(await user.refresh(), 200)
    assert.deepEqual(await user.me(), { sub: 'test', role: 'reader', scopes: ['notes:read'] })
  })

  test('an administrator who loses the role cannot administer after the next refresh', async () => {
    const admin = await Login.of('admin')
    await admin.put('/users/admin/role', { role: 'reader' })
    assert.equal(await admin.refresh(), 200)
    assert.equal((await admin.put('/users/admin/role', { role: 'admin' })).status, 403)
  })

  test('only roles and users that there are can be set', async () => {
    const admin = await Login.of('admin')
    for (const role of ['owner', 'toString', 5, undefined])
      assert.equal((await admin.put('/users/test/role', { role })).status, 400)
    assert.equal((await admin.put('/users/unknown/role', { role: 'reader' })).status, 404)
    assert.equal((await (await Login.of('test')).put('/users/test/role', { role: 'admin' })).status, 403)
  })

  test('a deleted user is refused at once', async () => {
    const [admin, user] = [await Login.of('admin'), await Login.of('test')]
    assert.equal((await admin.delete('/users/test')).status, 204)
    assert.equal(await user.status(), 401)
    assert.deepEqual(await user.refresh(), REVOKED)
    assert.equal((await (await Client.of(server)).login()).status, 401)
  })

  test('a user who is deleted in the database only is refused at the next refresh, with all tokens', async () => {
    const user = await Login.of('test')
    users.delete('test')
    assert.equal(await user.status(), 200)
    assert.deepEqual(await user.refresh(), GONE)
    assert.equal(await user.status(), 401)
  })

  test('a suspended user is refused at once, and comes back with the same tokens', async () => {
    const [admin, user] = [await Login.of('admin'), await Login.of('test')]
    assert.equal((await admin.put('/users/test/suspension')).status, 204)
    assert.equal(await user.status(), 401)
    assert.deepEqual(await user.refresh(), REVOKED)
    assert.equal((await (await Client.of(server)).login()).status, SUSPENDED)
    assert.equal((await admin.delete('/users/test/suspension')).status, 204)
    assert.equal(await user.status(), 200)
    assert.equal(await user.refresh(), 200)
  })

  test('a new password ends all sessions at once, and opens a new one', async () => {
    const [laptop, phone] = [await Login.of('test'), await Login.of('test')]
    const { status, body } = await laptop.put('/password', { password: 'better' })
    assert.equal(status, 200)
    const next = new Login(await Client.of(server), body)
    assert.deepEqual([await laptop.status(), await phone.status(), await next.status()], [401, 401, 200])
    assert.deepEqual([await laptop.refresh(), await phone.refresh(), await next.refresh()], [REVOKED, REVOKED, 200])
    assert.equal((await (await Client.of(server)).login()).status, 401)
    assert.equal(await (await Login.of('test', 'better')).status(), 200)
  })

  test('a password cannot be changed after a refresh, and not to something else than a string', async () => {
    const user = await Login.of('test')
    assert.equal((await user.put('/password', { password: ['better'] })).status, 400)
    await user.refresh()
    const { status, body } = await user.put('/password', { password: 'better' })
    assert.deepEqual([status, body.error_type], [401, 'FreshTokenRequiredError'])
  })
})

describe('an administrator who acts for a user', () => {
  async function impersonation() {
    const admin = await Login.of('admin')
    const { status, body } = await admin.post('/users/test/impersonate')
    assert.equal(status, 200)
    return { admin, acting: new Login(await Client.of(server), body) }
  }

  test('is in the claim act of every access token, and in the event', async () => {
    const log = mock.method(console, 'log', () => {})
    const { acting } = await impersonation()
    for (const _ of [1, 2]) {
      const { sub, act, fresh } = acting.claims
      assert.deepEqual([sub, act, fresh], ['test', { sub: 'admin' }, false])
      assert.equal(await acting.refresh(), 200)
    }
    assert.deepEqual(await acting.me(), { sub: 'test', role: 'reader', scopes: ['notes:read'], actor: 'admin' })
    await until(() => log.mock.callCount() === 1)
    assert.deepEqual(log.mock.calls[0]?.arguments, ['admin acts for test'])
    log.mock.restore()
  })

  test('cannot change the password of the user, or act for another one', async () => {
    const { acting } = await impersonation()
    const { status, body } = await acting.put('/password', { password: 'mine' })
    assert.deepEqual([status, body.error_type], [401, 'FreshTokenRequiredError'])
    assert.equal((await acting.post('/users/test/impersonate')).status, 403)
  })

  test('can act for no administrator, and for nobody who does not exist', async () => {
    const admin = await Login.of('admin')
    assert.equal((await admin.post('/users/admin/impersonate')).status, 403)
    assert.equal((await admin.post('/users/unknown/impersonate')).status, 404)
    assert.equal((await (await Login.of('test')).post('/users/test/impersonate')).status, 403)
  })

  test('loses it at the next refresh with the role, while the user stays logged in', async () => {
    const user = await Login.of('test')
    const { admin, acting } = await impersonation()
    await admin.put('/users/admin/role', { role: 'reader' })
    assert.equal(await acting.status(), 200)
    assert.deepEqual(await acting.refresh(), GONE)
    assert.equal(await acting.status(), 401)
    assert.equal(await user.refresh(), 200)
  })

  test('loses it at the next refresh when suspended', async () => {
    users.set('owner', { password: 'test', role: 'admin' })
    const [owner, { acting }] = [await Login.of('owner'), await impersonation()]
    await owner.put('/users/admin/suspension')
    assert.deepEqual(await acting.refresh(), GONE)
    assert.equal((await owner.delete('/users/admin/suspension')).status, 204)
  })

  test('loses it at once if the user is deleted', async () => {
    const { admin, acting } = await impersonation()
    await admin.delete('/users/test')
    assert.equal(await acting.status(), 401)
  })
})

test('docs/roles-and-deletion.md quotes this program', () => {
  const source = readFileSync(join(root, 'examples/roles-and-deletion.ts'), 'utf8')
  const [, ...quoted] = blocksOf(readPage('docs/roles-and-deletion.md')).filter(({ language }) => language === 'ts')
  assert.ok(quoted.length >= 5)
  for (const { code } of quoted) assert.ok(source.includes(code), code)
})
